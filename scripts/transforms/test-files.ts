import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { reasonOf } from '../../src/core/errors.ts'
import type { Place } from '../build/worker.ts'
import { readCases, type TransformCase } from './cases.ts'
import { checkCase } from './check-case.ts'
import { Isolates } from './isolates.ts'
import { fileOf, type LoadedTransform, loadTransform, type Way, waysOf } from './load-transform.ts'

/** A file of tests beside a transform. */
export interface TestFile {
  /** Of the transform: `cents-to-euros`. */
  readonly name: string
  /** Absolute path. */
  readonly file: string
  /** `cases` are data; a `program` is run by vitest or by Node. */
  readonly kind: 'cases' | 'program'
}

/** What a file of tests came to. */
export interface TestReport {
  readonly test: TestFile
  readonly ok: boolean
  /** For a person, one line or several. */
  readonly text: string
  /** Absolute paths of files that a new run depends on; undefined where nobody knows. */
  readonly files: readonly string[] | undefined
}

/** Lists the files of tests beside the transforms, by their names. */
export const findTests = (root: string): readonly TestFile[] =>
  globSync('transforms/*.test.{json,ts,js,mjs}', { cwd: root })
    .toSorted()
    .map((file) => ({
      name: basename(file).replace(/\.test\.\w+$/, ''),
      file: join(root, file),
      kind: file.endsWith('.json') ? 'cases' : 'program',
    }))

/** How tests are run. */
export interface RunOptions {
  /** Runs what is isolated; one of its own, where it is left out. */
  readonly isolates?: Isolates
  /** Runs all cases isolated, too. */
  readonly isolated?: boolean
}

/**
 * Runs a file of tests.
 *
 * @param place where the transforms are
 * @param test the file
 * @param options how
 * @returns what it came to; never rejects because of what a user wrote
 */
export async function runTests(place: Place, test: TestFile, options: RunOptions = {}): Promise<TestReport> {
  const startedAt = performance.now()
  const { ok, lines, files } =
    test.kind === 'cases' ? await runCasesWith(place, test, options) : await runProgram(place, test)
  const [first = '', ...rest] = lines
  const shown = relative(place.root, test.file)
  const text = [
    `${ok ? '✓' : '✗'} ${shown}  ${first}, ${Math.round(performance.now() - startedAt)} ms`,
    ...rest.map((line) => `  ${line}`),
  ]
  return { test, ok, text: text.join('\n'), files }
}

interface Outcome {
  readonly ok: boolean
  readonly lines: readonly string[]
  readonly files: readonly string[] | undefined
}

const failed = (summary: string, detail: string): Outcome => ({
  ok: false,
  lines: [summary, ...detail.split('\n')],
  files: undefined,
})

async function runCasesWith(place: Place, test: TestFile, options: RunOptions): Promise<Outcome> {
  if (options.isolates !== undefined) return runCases(place, test, { ...options, isolates: options.isolates })
  const isolates = new Isolates(place)
  try {
    return await runCases(place, test, { ...options, isolates })
  } finally {
    await isolates.stop()
  }
}

async function runCases(
  place: Place,
  { name, file }: TestFile,
  { isolates, isolated = false }: RunOptions & { readonly isolates: Isolates },
): Promise<Outcome> {
  const module = fileOf(place.root, name)
  if (module === undefined) return failed('no transform', `There is no transforms/${name}.ts (or .js, .mjs, .py).`)
  try {
    const cases = readCases(file)
    const configured = waysOf(place.root, module)
    const waysOfCase = ({ run }: TransformCase): readonly Way[] =>
      run === undefined ? (isolated ? [...new Set<Way>([...configured, 'isolated'])] : configured) : [run]
    const ways = [...new Set(cases.flatMap(waysOfCase))]
    const loaded = new Map<Way, LoadedTransform>()
    for (const way of ways) loaded.set(way, await loadTransform(place, module, way, isolates))
    const lines: string[] = []
    const wrong = new Set<TransformCase>()
    for (const one of cases)
      for (const way of waysOfCase(one)) {
        const problem = await checkCase(one, (loaded.get(way) as LoadedTransform).make)
        if (problem === undefined) continue
        wrong.add(one)
        lines.push(
          `✗ ${one.name}${ways.length > 1 ? ` (${way})` : ''}`,
          ...problem
            .replaceAll(`${place.root}/`, '')
            .split('\n')
            .map((line) => `  ${line}`),
        )
      }
    const shown = ways.join() === 'plain' ? '' : ` (${ways.join(', ')})`
    const count = `${cases.length} ${cases.length === 1 ? 'case' : 'cases'}${shown}`
    // What is in a built one, the build alone knows.
    const files = ways.join() === 'plain' ? loaded.get('plain')?.files : undefined
    return {
      ok: wrong.size === 0,
      lines: [wrong.size === 0 ? count : `${wrong.size} of ${count} failed`, ...lines],
      files,
    }
  } catch (thrown) {
    return failed('cannot be run', reasonOf(thrown))
  }
}

/** Tells whether a file of tests is a program for vitest. */
export const isForVitest = ({ kind, file }: TestFile): boolean =>
  kind === 'program' && /from ['"]vitest['"]/.test(readFileSync(file, 'utf8'))

/** Path of vitest's command where it is installed in a folder. */
export function vitestIn(root: string): string | undefined {
  try {
    return join(dirname(createRequire(join(root, 'package.json')).resolve('vitest/package.json')), 'vitest.mjs')
  } catch {
    return undefined
  }
}

/** With the test runner that it imports. */
async function runProgram({ root }: Place, test: TestFile): Promise<Outcome> {
  const { file } = test
  const isVitest = isForVitest(test)
  const vitest = isVitest ? vitestIn(root) : undefined
  if (isVitest && vitest === undefined)
    return failed('cannot be run', 'It imports vitest, which is not installed: npm install --save-dev vitest')
  const args = vitest === undefined ? ['--test', file] : [vitest, 'run', '--root', root, relative(root, file)]
  const { code, said } = await run(root, args)
  const runner = isVitest ? 'vitest' : 'node --test'
  return {
    ok: code === 0,
    lines: code === 0 ? [runner] : [`${runner} failed`, ...said.trim().split('\n')],
    files: undefined,
  }
}

const run = (cwd: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> =>
  new Promise((done) => {
    // A test run of Node that is started within one would say nothing.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
    child.on('error', (error) => done({ code: 1, said: error.message }))
    child.on('close', (code) => done({ code, said }))
  })

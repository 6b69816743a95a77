import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Transform } from '../../src/core/transform.ts'
import type { TransformTools } from '../../src/transforms/define-transform.ts'
import { isPython, pythonSharedHere, sharedName } from '../build/python.ts'
import { buildTransforms, isolatedCode } from '../build/transforms.ts'
import type { Place } from '../build/worker.ts'
import { publicNames } from '../public-names.ts'
import type { MakeTransform } from './check-case.ts'
import type { Isolates } from './isolates.ts'

/**
 * How a transform runs: `plain`, or with RudderStack's globals `inline` or `isolated`, where it is Python, or a config imports it as
 * `#transforms/<name>`.
 */
export type Way = 'plain' | 'inline' | 'isolated'

/** A transform as its cases run it. */
export interface LoadedTransform {
  readonly make: MakeTransform
  /** Absolute paths of all files that are in it; left out where the build of `#transforms` knows them alone. */
  readonly files?: readonly string[]
}

/** What a module of a transform exports: the transform, or a function of the file's name that makes it. */
type Exported = Transform & Readonly<Record<string, unknown>>
type Factory = (settings: object, tools: object) => Transform
type Inline = (options: object, tools: object) => Transform

/** The file of a transform, or undefined where there is none of the name. */
export const fileOf = (root: string, name: string): string | undefined =>
  ['ts', 'js', 'mjs', 'py']
    .map((ending) => join(root, 'transforms', `${name}.${ending}`))
    .find((file) => existsSync(file))

/** `split-order` is called `splitOrder`. */
export const functionName = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/**
 * Tells how the configs of a folder run a transform.
 *
 * @param root the folder
 * @param file of the transform
 * @returns one way or several
 */
export function waysOf(root: string, file: string): readonly Way[] {
  const name = basename(file, extname(file))
  const configs = globSync('{config,src/config,src/*.config}.{ts,js}', { cwd: root })
  const imported = new RegExp(`import ([^'"]*?) from ['"]#transforms/${name}['"]`, 'g')
  const texts = configs.map((config) => readFileSync(join(root, config), 'utf8'))
  const isUsed = (way: Way): boolean =>
    texts.some((text) =>
      [...text.matchAll(imported)].some(([, names = '']) => {
        const [, whole] = /\* as ([\w$]+)/.exec(names) ?? []
        return whole === undefined ? new RegExp(`\\b${way}\\b`).test(names) : text.includes(`${whole}.${way}`)
      }),
    )
  const used = (['inline', 'isolated'] as const).filter(isUsed)
  if (used.length > 0) return used
  return isPython(file) || texts.some((text) => text.search(imported) >= 0) ? ['inline'] : ['plain']
}

/**
 * Gives the transform of a module, with the settings of a case where it takes some.
 *
 * @param name of its file
 * @param exported all that the module exports
 */
export const makeOf =
  (name: string, exported: Readonly<Record<string, unknown>>) =>
  ({ settings = {} }: Parameters<MakeTransform>[0], tools: Partial<TransformTools>): Transform => {
    const factory = exported[functionName(name)]
    if (typeof factory === 'function' && !('transformEvent' in exported) && !('transformBatch' in exported))
      return (factory as Factory)(settings, tools)
    const { transformEvent, transformBatch } = exported as Exported
    return {
      name,
      ...(transformEvent === undefined ? {} : { transformEvent }),
      ...(transformBatch === undefined ? {} : { transformBatch }),
    }
  }

/**
 * Bundles a transform as a deployment does, and evaluates it in this process or, isolated, in the runtime.
 *
 * @param place where the transform, our package and builds are
 * @param file absolute path of the transform
 * @param way how it runs
 * @param isolates runs what is isolated
 * @returns a fresh one for each change of what is in it; rejects with what is wrong with the module
 */
export async function loadTransform(
  place: Place,
  file: string,
  way: Way,
  isolates: Isolates,
): Promise<LoadedTransform> {
  const { root, home, builds } = place
  const name = basename(file, extname(file))
  if (way === 'isolated') return { make: isolates.makeOf(name, await isolatedCode(place, file)) }
  const folder = join(builds, 'transform-tests')
  mkdirSync(folder, { recursive: true })
  const built = join(folder, 'inline')
  if (way === 'inline') await buildTransforms({ root, home, to: built, only: name, say: () => undefined })
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [file],
    ...(way === 'inline' ? { entryPoints: [join(built, `${name}.js`)] } : {}),
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2024',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'import'],
    external: ['node:*'],
    plugins: [withoutPlatform(home)],
    outfile: join(folder, `${name}.mjs`),
    alias: Object.fromEntries(publicNames(home)),
    sourcemap: 'inline',
    metafile: true,
    logLevel: 'silent',
  })
  const text = outputFiles[0]?.text ?? ''
  const bundle = join(folder, `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.mjs`)
  if (!existsSync(bundle)) {
    writeFileSync(bundle, text)
    forgetOld(folder)
  }
  const exported = (await import(pathToFileURL(bundle).href)) as Readonly<Record<string, unknown>>
  const files = Object.keys(metafile.inputs).map((path) => join(root, path))
  if (way === 'plain') return { make: makeOf(name, exported), files }
  const inline = exported['inline'] as Inline
  return { make: ({ options = {} }, { log }) => inline(options, { log }) }
}

/** Each save makes another bundle; others may still be reading those of a moment ago. */
function forgetOld(folder: string): void {
  const hourAgo = Date.now() - 3_600_000
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (name.endsWith('.mjs') && statSync(file).mtimeMs < hourAgo) rmSync(file, { force: true })
  }
}

/** Modules of the platform, which are not in this process: whoever needs what is in them is told so where it is used. */
const withoutPlatform = (home: string): Plugin => ({
  name: 'without-platform',
  setup(bundler) {
    // Nor is what runs in isolates.
    bundler.onResolve({ filter: /^cloudflare:|\/_harness\.js$/ }, ({ path }) => ({ path, namespace: 'platform' }))
    bundler.onLoad({ filter: /./, namespace: 'platform' }, () => ({ contents: 'module.exports = { env: {} }' }))
    const shared = new RegExp(`/${sharedName}\\.js$`)
    bundler.onResolve({ filter: shared }, ({ path }) => ({ path, namespace: 'python' }))
    bundler.onLoad({ filter: shared, namespace: 'python' }, () => ({ contents: pythonSharedHere(home) }))
  },
})

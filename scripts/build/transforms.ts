import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, extname, join, relative, sep } from 'node:path'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Positions } from '../../src/core/positions.ts'
import { codePaths } from '../../src/transforms/code-paths.ts'
import { exportProblem, isMisnamed, isTopLevelAwait, nameProblem, problemOf } from './file-problems.ts'
import {
  isPython,
  pythonIsolate,
  pythonModule,
  pythonProgram,
  pythonShared,
  sharedName,
  wasmFile,
  wasmOf,
} from './python.ts'
import { pythonChecker } from './python-problem.ts'
import {
  type Bundle,
  bundleOf,
  bundleOptions,
  functionsOf,
  isolatedFormat,
  type BundlePlace,
} from './bundle-transform.ts'
import { librariesOf, pythonLibrariesOf } from './libraries.ts'
import { writeWhole } from './record.ts'
import { builtInModules, builtLibraries, pythonRuntime } from './request-code.ts'

interface Options {
  /** The folder of `transforms/`. */
  readonly root: string
  /** The folder of our package.json. */
  readonly home: string
  /** Folder that the modules are written to; `<root>/dist/transforms` when left out. */
  readonly to?: string
  /** Folder of the files; `<root>/transforms` when left out. */
  readonly from?: string
  /** Folder of what the admin API gives to code of a call; that of the assets when left out. */
  readonly assets?: string
  /** Name of one that is built alone, to run inline in this process: without the harness; what others wrote stays. */
  readonly only?: string
  readonly say: (line: string) => void
}

const harnessName = '_harness'
/** Files that are transforms; tests beside them are none. */
const isTransform = (file: string): boolean =>
  /^[a-z0-9][\w-]*\.(?:ts|js|mjs|py)$/i.test(file) && !/\.(?:test|d)\.\w+$/.test(file)

/**
 * Makes of every file of `transforms/` a module that the config may import as `#transforms/<name>`: `inline` holds its code for the
 * Worker, `isolated` for an isolate. What is not imported is in no bundle.
 *
 * @param options where
 * @returns the names
 */
export async function buildTransforms(options: Options): Promise<string[]> {
  const { root, home, say } = options
  const from = options.from ?? join(root, 'transforms')
  const to = options.to ?? join(root, 'dist/transforms')
  const { only } = options
  const isAsked = (file: string): boolean =>
    isTransform(file) && (only === undefined || basename(file, extname(file)) === only)
  const found = existsSync(from) ? readdirSync(from).toSorted() : []
  const files = found.filter(isAsked)
  const names = files.map((file) => basename(file, extname(file)))
  const misnamed =
    only === undefined
      ? found.filter((file) => isMisnamed(file) && !isTransform(file) && !names.includes(basename(file, extname(file))))
      : []
  mkdirSync(to, { recursive: true })
  const { build, stop } = await import('esbuild')
  try {
    const place = { root, home, from, to, build }
    if (only === undefined) {
      const harness = await harnessOf(place)
      write(
        join(to, `${harnessName}.js`),
        [
          '// Made by scripts/build/transforms.ts.',
          `export const harness = ${JSON.stringify(harness)}`,
          `export const harnessHash = '${digest(harness)}'`,
          '',
        ].join('\n'),
      )
      await writeRequestCode(place, { harness, assets: options.assets ?? join(home, 'dist/assets') })
    }
    if (only === undefined && files.some(isPython)) {
      const shared = await pythonShared(home, { ...bundleOptions, build })
      write(join(to, `${sharedName}.js`), shared.text)
      copyFileSync(shared.wasm, join(to, wasmFile))
    }
    const checkPython = files.some(isPython) ? pythonChecker(home) : () => undefined
    for (const file of misnamed)
      write(
        join(to, `${basename(file, extname(file))}.js`),
        unbuiltModule(place, file, nameProblem(slashed(relative(root, join(from, file))))),
      )
    for (const [i, file] of files.entries()) {
      const name = names[i] as string
      if (names.indexOf(name) !== i) {
        say(`transforms/${file} has the name of another transform; only the first one is built`)
        continue
      }
      write(
        join(to, `${name}.js`),
        isPython(file) ? pythonModuleOf(place, file, checkPython) : await moduleOf(place, file),
      )
    }
  } finally {
    // Where one is built, others follow soon.
    if (only === undefined) await stop()
  }
  if (only !== undefined) return names
  const kept = new Set([
    ...names,
    ...misnamed.map((file) => basename(file, extname(file))),
    harnessName,
    ...(files.some(isPython) ? [sharedName, wasmFile] : []),
  ])
  for (const file of readdirSync(to)) if (!kept.has(basename(file, '.js'))) rmSync(join(to, file), { force: true })
  return [...new Set(names)]
}

/** The admin API runs code that a call brings: what it needs beside is among the assets, whatever the config has. */
async function writeRequestCode(
  place: BundlePlace,
  { harness, assets }: { readonly harness: string; readonly assets: string },
): Promise<void> {
  const { home, root, from, build } = place
  const bundle = (path: string): Promise<Bundle> => bundleOf(place, path, isolatedFormat)
  const shownOf = (file: string): string => slashed(relative(root, file))
  const libraries = await builtLibraries({
    libraries: librariesOf(from),
    pythonLibraries: pythonLibrariesOf(from),
    bundle,
    shownOf,
    problemOf,
  })
  write(join(assets, codePaths.harness), harness)
  write(join(assets, codePaths.builtIn), JSON.stringify(await builtInModules({ home, bundle })))
  write(join(assets, codePaths.libraries), JSON.stringify(libraries))
  write(join(assets, codePaths.python), JSON.stringify(await pythonRuntime(home, { ...bundleOptions, build })))
  const wasm = join(assets, codePaths.wasm)
  const micropython = readFileSync(wasmOf(home))
  if (!existsSync(wasm) || !readFileSync(wasm).equals(micropython)) writeWhole(wasm, micropython)
}

/** Files that did not change keep their time: whoever watches them is not woken. */
function write(file: string, content: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== content) writeWhole(file, content)
}

async function harnessOf({ home, build }: Pick<BundlePlace, 'home' | 'build'>): Promise<string> {
  const { outputFiles } = await build({
    ...bundleOptions,
    absWorkingDir: home,
    entryPoints: [join(home, 'src/transforms/harness.ts')],
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    external: ['cloudflare:workers'],
  })
  return outputFiles[0]?.text ?? ''
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** A file of Python, with the libraries that it may import. */
function pythonOf({ root, from }: Pick<BundlePlace, 'root' | 'from'>, file: string) {
  return {
    path: join(from, file),
    shown: slashed(relative(root, join(from, file))),
    libraries: pythonLibrariesOf(from),
  }
}

function pythonModuleOf(place: BundlePlace, file: string, check: ReturnType<typeof pythonChecker>): string {
  const { home, to } = place
  const options = pythonOf(place, file)
  const { path, shown } = options
  const problem = check(pythonProgram(options))
  const why =
    problem === undefined
      ? exportProblem({ path, shown, functions: pythonIsolate(options).functions })
      : `${shown} does not build: ${problem}`
  if (why !== undefined) return unbuiltModule(place, file, why)
  return pythonModule({ ...options, ours: (inner) => wayTo(home, to, inner), harness: harnessName })
}

/** Whoever imports it gets to know; others are not stopped by it. */
const unbuiltModule = ({ root, home, from, to }: BundlePlace, file: string, why: string): string =>
  [
    `// Made of ${slashed(relative(root, join(from, file)))} by scripts/build/transforms.ts.`,
    `import { unbuiltTransform } from '${wayTo(home, to, 'inline.ts')}'`,
    `export const inline = ${unbuilt(file, why)}`,
    'export const isolated = inline',
    '',
  ].join('\n')

const unbuilt = (file: string, why: string): string =>
  `/* @__PURE__ */ unbuiltTransform(${JSON.stringify(basename(file, extname(file)))}, ${JSON.stringify(why)})`

/** How a module that the build writes imports a file of `src/transforms/`. */
function wayTo(home: string, to: string, inner: string): string {
  const way = slashed(relative(to, join(home, 'src/transforms', inner)))
  return way.startsWith('.') ? way : `./${way}`
}

async function moduleOf(place: BundlePlace, file: string): Promise<string> {
  const { root, home, from, to } = place
  const path = join(from, file)
  const shown = slashed(relative(root, path))
  const name = basename(file, extname(file))
  const ours = (inner: string): string => wayTo(home, to, inner)
  const doesNotBuild = (thrown: unknown): string => `${shown} does not build: ${problemOf(thrown)}`
  try {
    const isolated = await bundleOf(place, path, isolatedFormat)
    const functions = functionsOf(isolated)
    const problem = exportProblem({ path, shown, functions })
    if (problem !== undefined) return unbuiltModule(place, file, problem)
    const head = [
      `// Made of ${shown} by scripts/build/transforms.ts.`,
      `import { inlineTransform, unbuiltTransform } from '${ours('inline.ts')}'`,
      `import { isolatedTransform } from '${ours('isolated.ts')}'`,
      `import { harness, harnessHash } from './${harnessName}.js'`,
      `const built = ${JSON.stringify({ name, file: shown, functions })}`,
      `export const isolated = /* @__PURE__ */ isolatedTransform(built, { hash: '${digest(isolated.text)}' + harnessHash, main: 'harness.js', modules: { 'harness.js': harness, 'user.js': ${JSON.stringify(isolated.text)} }, positions: { 'user.js': ${JSON.stringify(isolated.positions)} } })`,
    ]
    try {
      return inlineModule(head, await bundleOf(place, path, { format: 'iife', globalName: '$module' }))
    } catch (thrown) {
      if (!isTopLevelAwait(thrown)) throw thrown
      return [...head, `export const inline = ${unbuilt(file, doesNotBuild(thrown))}`, ''].join('\n')
    }
  } catch (thrown) {
    return unbuiltModule(place, file, doesNotBuild(thrown))
  }
}

function inlineModule(head: readonly string[], { text, map }: Bundle): string {
  const before = [
    ...head,
    'export const inline = /* @__PURE__ */ inlineTransform(built, ($globals) => {',
    'const { log, fetch, fetchV2, geolocation, getCredential, global } = $globals;',
  ]
  const moved = { ...map, mappings: `${';'.repeat(before.length)}${map.mappings}` }
  return [
    ...before,
    text.trimEnd(),
    'return $module',
    '})',
    `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(moved)).toString('base64')}`,
    '',
  ].join('\n')
}

/** A transform as an isolate runs it. */
export interface IsolatedModule {
  /** `transformEvent` or `transformBatch`; both or none where the module is wrong. */
  readonly functions: readonly string[]
  /** JavaScript, with all that it imports. */
  readonly text: string
  /** Where its lines come from. */
  readonly positions: Positions
}

/**
 * Builds a transform as `#transforms/<name>` has it for an isolate, and writes nothing.
 *
 * @param place `root` and `home` as for `buildTransforms`
 * @param file absolute path of the transform; not one in Python
 * @returns the module
 * @throws {SluicewayError} bad_request with what does not build, by file and line
 */
export async function isolatedModule(place: Pick<Options, 'root' | 'home'>, file: string): Promise<IsolatedModule> {
  try {
    return await moduleForIsolate(place, file)
  } finally {
    await (await import('esbuild')).stop()
  }
}

async function moduleForIsolate({ root, home }: Pick<Options, 'root' | 'home'>, file: string): Promise<IsolatedModule> {
  const { build } = await import('esbuild')
  try {
    const from = join(root, 'transforms')
    const place = { root, home, from, to: join(root, 'dist/transforms'), build }
    // What a transform with settings is made with may ask for bindings, of which an isolate has none.
    const bundle = await bundleOf(place, file, { ...isolatedFormat, external: ['cloudflare:workers'] })
    const { text, positions } = bundle
    return { functions: functionsOf(bundle), text, positions }
  } catch (thrown) {
    throw new SluicewayError('bad_request', `${slashed(relative(root, file))} does not build: ${problemOf(thrown)}`)
  }
}

/** What of a transform is loaded into an isolate, beside what all transforms share there. */
export interface IsolatedCode extends Pick<IsolatedModule, 'functions'> {
  /** Digest of it. */
  readonly hash: string
  /** True where it needs the interpreter. */
  readonly isPython: boolean
  readonly modules: Readonly<Record<string, string | { readonly json: unknown }>>
  readonly positions?: Readonly<Record<string, Positions>>
}

/**
 * Builds a transform for an isolate, in JavaScript or Python, and writes nothing.
 *
 * @param place `root` and `home` as for `buildTransforms`
 * @param file absolute path of the transform
 * @throws {SluicewayError} bad_request with what does not build, by file and line
 */
export async function isolatedCode(place: Pick<Options, 'root' | 'home'>, file: string): Promise<IsolatedCode> {
  if (isPython(file)) {
    const code = pythonIsolate(pythonOf({ ...place, from: join(place.root, 'transforms') }, basename(file)))
    return { ...code, isPython: true, hash: digest(JSON.stringify(code)) }
  }
  const { functions, text, positions } = await moduleForIsolate(place, file)
  const modules = { 'user.js': text }
  return { functions, modules, positions: { 'user.js': positions }, isPython: false, hash: digest(text) }
}

/** What all isolates share. */
export interface SharedByIsolates {
  /** Text of the module that answers for the code of a user. */
  readonly harness: string
  /** Of the module `_python.js`, which imports `_micropython.wasm`. */
  readonly python: string
  /** Path of MicroPython. */
  readonly wasm: string
}

/**
 * Builds what all isolates share.
 *
 * @param home the folder of our package.json
 */
export async function sharedByIsolates(home: string): Promise<SharedByIsolates> {
  const { build } = await import('esbuild')
  const [harness, { text, wasm }] = await Promise.all([
    harnessOf({ home, build }),
    pythonShared(home, { ...bundleOptions, build }),
  ])
  return { harness, python: text, wasm }
}

const slashed = (path: string): string => path.split(sep).join('/')

import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Transform } from '../../src/core/transform.ts'
import { isPython, pythonSharedHere, sharedName } from '../build/python.ts'
import { buildTransforms } from '../build/transforms.ts'
import type { Place } from '../build/worker.ts'
import { publicNames } from '../public-names.ts'
import type { MakeTransform } from './check-case.ts'

/** A transform as its cases run it. */
export interface LoadedTransform {
  readonly make: MakeTransform
  /** `plain`, or `inline` where it is Python, or a config imports it as `#transforms/<name>`: with RudderStack's globals. */
  readonly way: 'plain' | 'inline'
  /** Absolute paths of all files that are in it; left out where the build of `#transforms` knows them alone. */
  readonly files?: readonly string[]
}

/** What a module of a transform exports: the transform, or a function of the file's name that makes it. */
type Exported = Transform & Readonly<Record<string, unknown>>
type Factory = (settings: object, tools: object) => Transform
type Inline = Transform & ((options?: object) => Transform)

/** The file of a transform, or undefined where there is none of the name. */
export const fileOf = (root: string, name: string): string | undefined =>
  ['ts', 'js', 'mjs', 'py']
    .map((ending) => join(root, 'transforms', `${name}.${ending}`))
    .find((file) => existsSync(file))

/** `split-order` is called `splitOrder`. */
export const functionName = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/**
 * Tells how the config runs a transform.
 *
 * @returns `inline` where a config names it as `#transforms/<name>`
 */
export function wayOf(root: string, name: string): LoadedTransform['way'] {
  const configs = globSync('{config,src/config,src/*.config}.{ts,js}', { cwd: root })
  const named = new RegExp(`['"]#transforms/${name}['"]`)
  return configs.some((file) => named.test(readFileSync(join(root, file), 'utf8'))) ? 'inline' : 'plain'
}

/**
 * Gives the transform of a module, with the settings of a case where it takes some.
 *
 * @param name of its file
 * @param exported all that the module exports
 */
export const makeOf =
  (name: string, exported: Readonly<Record<string, unknown>>): MakeTransform =>
  ({ settings = {} }, tools) => {
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
 * Bundles a transform as a deployment does, and evaluates it in this process.
 *
 * @param place where the transform, our package and builds are
 * @param file absolute path of the transform
 * @returns a fresh one for each change of what is in it; rejects with what is wrong with the module
 */
export async function loadTransform(place: Place, file: string): Promise<LoadedTransform> {
  const { root, home, builds } = place
  const name = basename(file, extname(file))
  const way = isPython(file) ? 'inline' : wayOf(root, name)
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
  if (way === 'plain') return { make: makeOf(name, exported), way, files }
  const inline = exported['inline'] as Inline
  return { make: ({ options }) => (options === undefined ? inline : inline(options)), way }
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

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { build as esbuild, BuildOptions } from 'esbuild'
import type { BuiltLibraries, BuiltModule, BuiltModules, PythonRuntime } from '../../src/transforms/built-code.ts'
import { pythonLibrary } from './python.ts'

type Bundler = (path: string) => Promise<Required<BuiltModule>>

/**
 * Bundles what is built in for transforms, as code that a call brings imports it.
 *
 * @param options `home` is the folder of our package.json, `bundle` makes a module of a file with all that it imports
 */
export async function builtInModules({
  home,
  bundle,
}: {
  readonly home: string
  readonly bundle: Bundler
}): Promise<BuiltModules> {
  const folder = join(home, 'src/transforms/rs')
  const files = globSync('*-v*.ts', { cwd: folder }).toSorted()
  const modules = files.map(async (file) => {
    const [, words = '', version = ''] = /^(.*)-v(\d+)\.ts$/.exec(file) ?? []
    const name = words.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    const { text } = await bundle(join(folder, file))
    return [`@rs/${name}/v${version}`, { text }] as const
  })
  return Object.fromEntries(await Promise.all(modules))
}

/**
 * Makes the libraries of a folder ready for code that a call brings.
 *
 * @param options paths by handle; `shownOf` gives a path as its user knows it
 * @returns one that does not build throws the reason where it is imported
 */
export async function builtLibraries(options: {
  readonly libraries: ReadonlyMap<string, string>
  readonly pythonLibraries: ReadonlyMap<string, string>
  readonly bundle: Bundler
  readonly shownOf: (file: string) => string
  readonly problemOf: (thrown: unknown) => string
}): Promise<BuiltLibraries> {
  const { libraries, pythonLibraries, bundle, shownOf, problemOf } = options
  const javascript = [...libraries].map(async ([handle, file]): Promise<readonly [string, BuiltModule]> => {
    try {
      const { text, positions } = await bundle(file)
      return [handle, { text, positions }]
    } catch (thrown) {
      const why = `${shownOf(file)} does not build: ${problemOf(thrown)}`
      return [handle, { text: `throw new Error(${JSON.stringify(why)})` }]
    }
  })
  const python = [...pythonLibraries].map(
    ([handle, file]) => [handle, { text: readFileSync(file, 'utf8'), shown: shownOf(file) }] as const,
  )
  return { javascript: Object.fromEntries(await Promise.all(javascript)), python: Object.fromEntries(python) }
}

/**
 * Makes what runs code in Python that a call brings.
 *
 * @param home the folder of our package.json
 * @param options how modules are bundled
 */
export async function pythonRuntime(
  home: string,
  { build, ...options }: BuildOptions & { readonly build: typeof esbuild },
): Promise<PythonRuntime> {
  const { outputFiles } = await build({
    ...options,
    write: false,
    absWorkingDir: home,
    entryPoints: [join(home, 'src/transforms/python/given.ts')],
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
  })
  return { engine: outputFiles[0]?.text ?? '', library: pythonLibrary(home) }
}

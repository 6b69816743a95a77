import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { adaptPython } from '../../src/transforms/python/adapt.ts'
import { definedFunctions } from '../../src/transforms/python/defined-functions.ts'
import type { build as esbuild, BuildOptions } from 'esbuild'
import type { PythonProgram } from '../../src/transforms/python/transform.ts'

interface Options {
  /** Path of the file. */
  readonly path: string
  /** Path of the file as its user knows it. */
  readonly shown: string
  /** Paths of libraries in Python by their handle. */
  readonly libraries: ReadonlyMap<string, string>
}

/**
 * Reads a transform in Python, with the libraries that it may import.
 *
 * @param options where
 */
export function pythonProgram({ path, shown, libraries }: Options): PythonProgram {
  const source = readFileSync(path, 'utf8')
  const given = [...libraries].map(([handle, file]) => [`${handle}.py`, file] as const)
  return {
    files: {
      ...Object.fromEntries(given.map(([name, file]) => [name, adaptPython(readFileSync(file, 'utf8'))])),
      '_transform.py': adaptPython(source),
    },
    shown: {
      '_transform.py': shown,
      ...Object.fromEntries(given.map(([name, file]) => [name, `transforms/libraries/${basename(file)}`])),
    },
  }
}

/** Where the build lays the interpreter. */
export const wasmFile = '_micropython.wasm'
/** The module that all transforms in Python share. */
export const sharedName = '_python'

/** True for a file that is Python. */
export const isPython = (file: string): boolean => file.endsWith('.py')

/**
 * Reads our modules: those of the standard library that MicroPython lacks, and `requests`.
 *
 * @param home the folder of our package.json
 * @returns texts by path
 */
export function pythonLibrary(home: string): Record<string, string> {
  const folder = join(home, 'src/transforms/python/lib')
  const files = globSync('**/*.py', { cwd: folder }).toSorted()
  return Object.fromEntries(files.map((file) => [file.replaceAll('\\', '/'), readFileSync(join(folder, file), 'utf8')]))
}

interface Shared {
  /** Of a module. */
  readonly text: string
  /** Path of MicroPython's WebAssembly. */
  readonly wasm: string
}

/**
 * Makes the module that all transforms in Python share: the interpreter, our modules, and what runs both in an isolate.
 *
 * @param home the folder of our package.json
 * @param options how modules are bundled
 */
export async function pythonShared(
  home: string,
  { build, ...options }: BuildOptions & { readonly build: typeof esbuild },
): Promise<Shared> {
  const { outputFiles } = await build({
    ...options,
    write: false,
    absWorkingDir: home,
    entryPoints: [join(home, 'src/transforms/python/transform.ts')],
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
  })
  const engine = outputFiles?.[0]?.text ?? ''
  const library = JSON.stringify(pythonLibrary(home))
  const text = [
    '// Made by scripts/build/python.ts.',
    `import wasm from './${wasmFile}'`,
    'export { wasm }',
    `export const library = ${library}`,
    `export const engine = ${JSON.stringify(engine)}`,
    `export const pythonHash = '${digest(engine + library)}'`,
    '',
  ].join('\n')
  return { text, wasm: wasmOf(home) }
}

/** Path of MicroPython's WebAssembly. */
export function wasmOf(home: string): string {
  const require = createRequire(join(home, 'package.json'))
  return require.resolve('@micropython/micropython-webassembly-pyscript/micropython.wasm')
}

/**
 * Makes the shared module for this process, which imports no WebAssembly and has no isolates.
 *
 * @param home the folder of our package.json
 */
export const pythonSharedHere = (home: string): string =>
  [
    "import { readFileSync } from 'node:fs'",
    `export const wasm = new WebAssembly.Module(readFileSync(${JSON.stringify(wasmOf(home))}))`,
    `export const library = ${JSON.stringify(pythonLibrary(home))}`,
    "export const [engine, pythonHash] = ['', '']",
  ].join('\n')

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/**
 * Makes the module of a transform in Python.
 *
 * @param options its file; `ours` tells how it imports a file of `src/transforms/`, `harness` the module of the harness
 */
export function pythonModule({
  ours,
  harness,
  ...options
}: Options & { readonly ours: (inner: string) => string; readonly harness: string }): string {
  const { path, shown } = options
  const program = pythonProgram(options)
  const functions = definedFunctions(readFileSync(path, 'utf8'))
  const built = { name: basename(path, '.py'), file: shown, functions }
  return [
    `// Made of ${shown} by scripts/build/python.ts.`,
    `import { inlineTransform } from '${ours('inline.ts')}'`,
    `import { isolatedTransform } from '${ours('isolated.ts')}'`,
    `import { pythonFunctions } from '${ours('python/transform.ts')}'`,
    `import { harness, harnessHash } from './${harness}.js'`,
    `import { engine, library, pythonHash, wasm } from './${sharedName}.js'`,
    `const built = ${JSON.stringify(built)}`,
    `const program = ${JSON.stringify(program)}`,
    'export const isolated = /* @__PURE__ */ isolatedTransform(built, {',
    `  hash: '${digest(JSON.stringify(program))}' + pythonHash + harnessHash,`,
    "  main: 'harness.js',",
    '  modules: {',
    "    'harness.js': harness,",
    "    'python.js': engine,",
    "    'micropython.wasm': { wasm },",
    "    'library.js': { json: library },",
    "    'program.js': { json: program },",
    `    'user.js': ${JSON.stringify(isolateModule(functions))},`,
    '  },',
    '})',
    'export const inline = /* @__PURE__ */ inlineTransform(built, (globals) =>',
    '  pythonFunctions(wasm, { ...program, files: { ...library, ...program.files } }, globals),',
    ')',
    '',
  ].join('\n')
}

/**
 * Makes of a transform in Python what an isolate has of its own, beside what all share.
 *
 * @param options its file
 */
export function pythonIsolate(options: Options) {
  const functions = definedFunctions(readFileSync(options.path, 'utf8'))
  return { functions, modules: { 'program.js': { json: pythonProgram(options) }, 'user.js': isolateModule(functions) } }
}

/** The module that an isolate has in the place of the user's. */
const isolateModule = (functions: readonly string[]): string =>
  [
    "import { pythonFunctions } from './python.js'",
    "import wasm from './micropython.wasm'",
    "import library from './library.js'",
    "import program from './program.js'",
    'const made = pythonFunctions(wasm, { ...program, files: { ...library, ...program.files } }, globalThis)',
    ...functions.map((one) => `export const ${one} = made.${one}`),
  ].join('\n')

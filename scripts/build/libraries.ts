import { existsSync, globSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { Plugin } from 'esbuild'

const builtIn = /^@rs\/([A-Za-z]+)\/v(\d{1,3})$/

/**
 * Finds what RudderStack's code imports: libraries by their handle, and those that are built in.
 *
 * @param home the folder of our package.json
 * @param from the folder of transforms
 */
export function libraries(home: string, from: string): Plugin {
  const byHandle = librariesOf(from)
  return {
    name: 'libraries',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (given) => {
        const library = byHandle.get(given.path)
        if (library !== undefined) return { path: library }
        const [, name, version] = builtIn.exec(given.path) ?? []
        if (name !== undefined) {
          const path = join(home, `src/transforms/rs/${kebab(name)}-v${version}.ts`)
          return existsSync(path)
            ? { path, sideEffects: false }
            : { errors: [{ text: `import from ${given.path} failed. Module not found.` }] }
        }
        return given.path.startsWith('node:') ? { path: given.path, namespace: 'node-module' } : undefined
      })
      // The runtime has them; an isolate's code cannot require.
      build.onLoad({ filter: /.*/, namespace: 'node-module' }, ({ path }) => ({
        contents: `module.exports = globalThis.process.getBuiltinModule(${JSON.stringify(path)})`,
        loader: 'js',
      }))
    },
  }
}

/**
 * Finds the libraries in JavaScript and TypeScript.
 *
 * @param from the folder of transforms
 * @returns paths by handle
 */
export function librariesOf(from: string): Map<string, string> {
  const folder = join(from, 'libraries')
  const files = globSync('*.{ts,js,mjs}', { cwd: folder }).filter((file) => !/\.(?:test|d)\.\w+$/.test(file))
  return new Map(files.toSorted().map((file) => [handleOf(basename(file, extname(file))), join(folder, file)]))
}

/**
 * Finds the libraries in Python.
 *
 * @param from the folder of transforms
 * @returns paths by handle
 */
export function pythonLibrariesOf(from: string): Map<string, string> {
  const folder = join(from, 'libraries')
  const files = globSync('*.py', { cwd: folder }).toSorted()
  return new Map(files.map((file) => [handleOf(basename(file, '.py')), join(folder, file)]))
}

/** camelCase of a library's name, as RudderStack makes handles: `my-helpers` and `my helpers` are `myHelpers`. */
const handleOf = (name: string): string =>
  name
    .replace(/[-_ ]+(.)/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^./, (letter) => letter.toLowerCase())

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

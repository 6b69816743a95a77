import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

interface Package {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

/**
 * Lists the names under which users import what is ours: `exports` of package.json, without what is not code.
 *
 * @param home the folder of package.json
 * @returns absolute paths of TypeScript files by name, for example by `sluiceway/config`
 */
export function publicNames(home: string): ReadonlyMap<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Package
  return new Map(
    Object.entries(exports)
      .map(([key, target]) => [key.replace(/^\./, name), typeof target === 'string' ? target : target.default] as const)
      .filter(([, path]) => path.endsWith('.ts'))
      .map(([key, path]) => [key, resolve(home, path)]),
  )
}

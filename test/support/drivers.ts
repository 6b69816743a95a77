import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/**
 * Finds the drivers of a folder: files with a function that returns the driver's type. Their text is read, because modules for
 * workerd cannot be imported in Node.
 *
 * @param folder below `src`, e.g. `streams`
 * @param type what a driver's function returns, e.g. `Stream`
 * @returns names of files, without their ending
 */
export function driversIn(folder: string, type: string): string[] {
  const path = join(root, 'src', folder)
  const exported = new RegExp(`^export (?:const|function) \\w+.*\\): ${type} (?:=>|\\{)`, 'm')
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && exported.test(readFileSync(join(path, entry.name), 'utf8')))
    .map(({ name }) => name.replace(/\.ts$/, ''))
}

import { posix } from 'node:path'
import { publicNames } from './public-names.ts'

/** Folders whose files are written as a user's would be: in a folder of a user's own there is nothing else to import. */
const userLand = ['destinations', 'sources', 'transforms', 'template']
/** Beside them, configs: `src/config.ts`, and others that `npm start -- --config` names. */
const config = /^src\/(?:[a-z0-9-]+\.)?config\.ts$/

/**
 * Makes a judge of imports between what is a user's and what is ours: a user's files know our public names only (`exports` of
 * package.json), and ours know each other by their paths.
 *
 * @param root the repository
 * @returns what is wrong when the file at `path` (relative to the repository, with slashes) imports `to` (as it is written),
 *   or undefined
 */
export function publicImports(root: string): (path: string, to: string) => string | undefined {
  const names = publicNames(root)
  return (path, to) => {
    const isUsers = config.test(path) || userLand.some((folder) => path.startsWith(`${folder}/`))
    const isPublic = /^sluiceway(\/|$)/.test(to)
    if (isPublic && !isUsers) return `${path}: only what users write imports ${to}; import the file by its path`
    if (isPublic && !names.has(to)) return `${path}: ${to} is not in "exports" of package.json`
    const target = posix.join(posix.dirname(path), to)
    const isOurs = isUsers && to.startsWith('.') && !userLand.some((folder) => target.startsWith(`${folder}/`))
    return isOurs ? `${path}: may import public names (sluiceway/…) and what users write, not ${target}` : undefined
  }
}

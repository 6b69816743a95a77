import { posix } from 'node:path'
import { isUserLand } from './ours.ts'
import { publicNames } from './public-names.ts'

/** Folders of ours that a user's files must not reach into: their files move. */
const inner = /^(?:src|scripts|test|bin|dist)\//

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
    // `npx sluiceway init` copies the template to a user.
    const isUsers = isUserLand(path) || path.startsWith('template/')
    const isPublic = /^sluiceway(\/|$)/.test(to)
    if (isPublic && !isUsers) return `${path}: only what users write imports ${to}; import the file by its path`
    if (isPublic && !names.has(to)) return `${path}: ${to} is not in "exports" of package.json`
    const target = posix.join(posix.dirname(path), to)
    const isInner = isUsers && to.startsWith('.') && inner.test(target) && !isUserLand(target)
    return isInner ? `${path}: may import public names (sluiceway/…) and what users write, not ${target}` : undefined
  }
}

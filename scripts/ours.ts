import { publicNames } from './public-names.ts'
import { relative, sep } from 'node:path'

/** Folders that users put files of their own into, beside those of ours that are there. */
const shared = ['destinations', 'sources', 'transforms']

/** Configs: `src/config.ts`, and others that `npm start -- --config` names. */
export const configFile = /^src\/(?:[a-z0-9-]+\.)?config\.[jt]s$/

/** What users write is JavaScript or TypeScript. */
export const written = '{ts,js,mjs}'

/** Tells whether users may put their own files where the file at `path` is (relative to the repository, with slashes). */
export const isUserLand = (path: string): boolean =>
  configFile.test(path) || shared.some((folder) => path.startsWith(`${folder}/`))

/**
 * Makes a judge of which files are ours, so that the rules of the house hold for them: docstrings, golden cases, lengths. Beside
 * a user's, ours are those that `exports` of package.json names, and what is in a folder of the same name.
 *
 * @param root the repository
 * @returns whether the file at a path (relative to the repository, with slashes) is ours
 */
export function ourFiles(root: string): (path: string) => boolean {
  const named = new Set([...publicNames(root).values()].map((path) => relative(root, path).split(sep).join('/')))
  // `destinations/chat/…` are the parts of `destinations/chat.ts`.
  const parts = [...named].map((path) => path.replace(/\.ts$/, '/'))
  return (path) => named.has(path) || !isUserLand(path) || parts.some((folder) => path.startsWith(folder))
}

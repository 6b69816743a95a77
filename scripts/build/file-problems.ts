import { readFileSync } from 'node:fs'
import type { BuildFailure } from 'esbuild'

/** What esbuild says of `await` outside of functions, which a module that is evaluated within the Worker cannot have. */
const topLevelAwait = /^Top-level await is currently not supported/

/**
 * Says what is wrong with files that do not build, each with its line.
 *
 * @param thrown of esbuild
 */
export function problemOf(thrown: unknown): string {
  const { errors } = thrown as BuildFailure
  if (!Array.isArray(errors)) return String(thrown)
  return errors
    .map(({ text, location }) => {
      const said = topLevelAwait.test(text)
        ? '"await" at the top level runs isolated alone; for inline, move it into the function'
        : text.replace(/^Could not resolve "([^"]+)"$/, 'import from $1 failed. Module not found.')
      return location === null ? said : `${said} (${location.file}:${location.line}:${location.column + 1})`
    })
    .join('; ')
}

/** Whether nothing but `await` at the top level is in the way. */
export function isTopLevelAwait(thrown: unknown): boolean {
  const { errors } = thrown as BuildFailure
  return Array.isArray(errors) && errors.length > 0 && errors.every(({ text }) => topLevelAwait.test(text))
}

interface Exported {
  /** Path of the file, and the path that its user knows. */
  readonly path: string
  readonly shown: string
  /** Which of the two functions it exports. */
  readonly functions: readonly string[]
}

/**
 * Says what to do with a file that is no transform.
 *
 * @returns undefined for one that is
 */
export function exportProblem({ path, shown, functions }: Exported): string | undefined {
  if (functions.length === 1) return undefined
  if (functions.length > 1) return `${shown} has both ${functions.join(' and ')}; a transform has one of them`
  const begin = `${shown} has neither transformEvent nor transformBatch`
  const source = readFileSync(path, 'utf8')
  if (path.endsWith('.py')) return `${begin}; write "def transformEvent(event, metadata):"`
  if (/^\s*(?:module\.)?exports\b/m.test(source))
    return `${begin} among its exports; it is CommonJS: write "export function" in place of "module.exports"`
  if (/^\s*export\s+default\b/m.test(source))
    return `${begin} among its exports; write "export function transformEvent", without "default"`
  if (/^\s*(?:async\s+)?function\s+transform\b/m.test(source))
    return `${begin} among its exports; where it is of RudderStack's version 0, add "export const transformBatch = transform"`
  return `${begin} among its exports; write "export function transformEvent(event, metadata) { … }"`
}

/** Files that a build takes for no transform, although somebody may mean one. */
export const isMisnamed = (file: string): boolean =>
  /\.(?:[cm]?[jt]sx?|py)$/i.test(file) && !/\.(?:test|d)\.\w+$/.test(file)

/** What to do with one. */
export const nameProblem = (shown: string): string =>
  `${shown} is not built: the name of a transform has letters, digits, "-" and "_", and ends with .ts, .js, .mjs or .py; give it another name`

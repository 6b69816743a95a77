import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join, relative, resolve, sep } from 'node:path'
import { SluicewayError } from '../../src/core/errors.ts'

interface Bundle {
  /** The folder of a build, in which `index.js` and its map are. */
  readonly folder: string
  /** The folder that paths are shown from. */
  readonly root: string
  /** The folder of our package.json. */
  readonly home: string
}

/**
 * Waits for work that may reject with an error about the bundle, and lets it reject with one about the files of users.
 *
 * @param work what is done with the bundle
 * @param bundle the build
 * @throws {SluicewayError} what the work rejects with
 */
export async function withErrorPlaces<T>(work: Promise<T>, bundle: Bundle): Promise<T> {
  try {
    return await work
  } catch (thrown) {
    if (!(thrown instanceof SluicewayError)) throw thrown
    const { code, details } = thrown
    throw new SluicewayError(code, withSourcePlaces(thrown.message, bundle), { cause: thrown, details })
  }
}

const frame = /^( +at )(?:\S*\/)?index\.js:(\d+):(\d+)$/

/**
 * Says where in the files of users a text is about, instead of where in the bundle: what a config throws is at
 * `index.js:1:7995`, and its user looks for `src/config.ts:12:30`. Lines of ours and of packages are left out, unless there are
 * no others.
 *
 * @param text lines, some of which are `    at index.js:<line>:<column>`
 * @param bundle the build in which they are
 */
export function withSourcePlaces(text: string, { folder, root, home }: Bundle): string {
  const file = join(folder, 'index.js.map')
  if (!existsSync(file) || !text.split('\n').some((line) => frame.test(line))) return text
  const map = new SourceMap(JSON.parse(readFileSync(file, 'utf8')) as ConstructorParameters<typeof SourceMap>[0])
  const lines = text.split('\n').map((line) => {
    const [, before = '', row, column] = frame.exec(line) ?? []
    if (row === undefined) return { line, isUsers: true }
    const entry = map.findEntry(Number(row) - 1, Number(column) - 1)
    if (!('originalSource' in entry)) return { line, isUsers: false }
    // A build is moved once it is whole; the paths in its map begin where it was written.
    const path = resolve(folder, '../../../drafts/draft', entry.originalSource)
    const within = relative(root, path)
    const shown = within.startsWith('..') ? path : within.split(sep).join('/')
    const place = `${shown}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    return { line: `${before}${place}`, isUsers: isOfUser(path, home), isFrame: true }
  })
  const isKnown = lines.some(({ isUsers, isFrame }) => isFrame === true && isUsers)
  return lines
    .filter(({ isUsers }) => isUsers || !isKnown)
    .map(({ line }) => line)
    .join('\n')
}

function isOfUser(path: string, home: string): boolean {
  if (path.includes(`${sep}node_modules${sep}`)) return false
  const place = relative(home, path).split(sep).join('/')
  return !place.startsWith('src/') || place === 'src/config.ts'
}

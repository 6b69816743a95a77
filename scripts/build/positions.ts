import { readFileSync, realpathSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import type { Positions } from '../../src/core/positions.ts'
import { isUserLand } from '../ours.ts'

/** What a bundler writes of where its output comes from. */
export interface SourceMap {
  readonly sources: readonly string[]
  readonly sourceRoot?: string
  readonly sourcesContent?: readonly (string | null)[]
  readonly mappings: string
}

/** What a stack is shown by: a bundle, and the places that it is made from. */
interface Bundle {
  /** The folder of `index.js.map`. */
  readonly folder: string
  /** The folder that paths are shown from. */
  readonly root: string
  /** The folder of our package.json. */
  readonly home: string
}

const anchorFile = 'src/core/positions.ts'
const anchorText = "new Error('anchor')"

/**
 * Takes of a bundle's source map what shows where in users' files a stack is.
 *
 * @param bundle which bundle, before it is moved: paths in its map are relative
 * @returns undefined where the bundle has no map, or lacks our anchor
 */
export function positionsOf(bundle: Bundle): Positions | undefined {
  const map = JSON.parse(readFileSync(join(bundle.folder, 'index.js.map'), 'utf8')) as SourceMap
  const found = filePositions(map, bundle)
  return found.anchor === '' ? undefined : found
}

/**
 * The same of any source map.
 *
 * @param map as a bundler wrote it
 * @param bundle what its paths are relative to
 * @returns with an empty anchor where our anchor is not in it
 */
export function filePositions(map: SourceMap, { folder, root, home }: Bundle): Positions {
  const paths = map.sources.map((source) => resolve(folder, map.sourceRoot ?? '', source))
  const ours = realpathSync(home)
  const anchorSource = paths.indexOf(resolve(ours, anchorFile))
  const before = map.sourcesContent?.[anchorSource]?.split(anchorText)[0]?.split('\n') ?? []
  const isTold = paths.map((path) => {
    const place = slashed(relative(ours, path))
    return !path.includes(`${sep}node_modules${sep}`) && (!place.startsWith('src/') || isUserLand(place))
  })
  const files: string[] = []
  const fileOf = new Map<number, number>()
  const lines: Record<string, number[]> = {}
  let anchor = ''
  for (const { line, column, source, sourceLine, sourceColumn } of segmentsIn(map.mappings)) {
    if (source === anchorSource && sourceLine === before.length && sourceColumn === (before.at(-1) ?? '').length + 1)
      anchor ||= `${line}:${column}`
    const runs = (lines[line] ??= [])
    if (isTold[source] !== true) {
      if (runs.length > 0 && runs.at(-3) !== -1) runs.push(column, -1, 0, 0)
      continue
    }
    let file = fileOf.get(source)
    if (file === undefined) {
      fileOf.set(source, (file = files.length))
      files.push(slashed(relative(root, paths[source] as string)))
    }
    runs.push(column, file, sourceLine, sourceColumn)
  }
  const told = Object.fromEntries(Object.entries(lines).filter(([, runs]) => runs.length > 0))
  return { anchor, files, lines: told }
}

const slashed = (path: string): string => path.split(sep).join('/')

/** Where a run of the bundle's characters comes from; lines and columns begin at 1, and a source of -1 is none. */
interface Segment {
  readonly line: number
  readonly column: number
  readonly source: number
  readonly sourceLine: number
  readonly sourceColumn: number
}

/** Reads mappings as https://tc39.es/ecma426/ writes them (checked 2026-11-28). */
function* segmentsIn(mappings: string): Generator<Segment> {
  let [source, sourceLine, sourceColumn] = [0, 1, 1]
  for (const [i, text] of mappings.split(';').entries()) {
    let column = 1
    for (const segment of text.split(',')) {
      if (segment === '') continue
      const [columns = 0, sources, sourceLines = 0, sourceColumns = 0] = numbersIn(segment)
      column += columns
      source += sources ?? 0
      sourceLine += sourceLines
      sourceColumn += sourceColumns
      yield { line: i + 1, column, source: sources === undefined ? -1 : source, sourceLine, sourceColumn }
    }
  }
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 digits of five bits each, the lowest first; the sixth says that more follow, the first bit of all is the sign. */
function numbersIn(segment: string): number[] {
  const numbers: number[] = []
  let [value, shift] = [0, 0]
  for (const digit of segment) {
    const bits = digits.indexOf(digit)
    value |= (bits & 31) << shift
    shift += 5
    if (bits >= 32) continue
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return numbers
}

/**
 * What is known of a bundle: which lines and columns of it come from which lines of the files that users write. Columns of both
 * begin at 1, as in a stack.
 */
export interface Positions {
  /** Where `bundleAnchor` must be, else the positions are those of another bundle. */
  readonly anchor: string
  /** Paths, as a user would open them. */
  readonly files: readonly string[]
  /** By line of the bundle, four numbers for each run of characters: its column, file (-1: none of the user's), line, column. */
  readonly lines: Readonly<Record<string, readonly number[]>>
}

/** Where the JSON of a deployment's `Positions` is among the assets: below a path that answers to the admin token alone. */
export const positionsPath = '/admin/positions.json'

const bundleName = 'index.js'

/** One line of a stack: what is before the place, the file's name, the line, the column, what is behind. */
const frame = /^(\s+at (?:.* \(|async )?)(?:[^\s()]*\/)?([^\s()/]+):(\d+):(\d+)(\)?)$/

const placeOf = (text = ''): string | undefined => {
  const [, , file, line, column] = frame.exec(text) ?? []
  return file === bundleName ? `${line}:${column}` : undefined
}

/** `<line>:<column>` of this statement in the bundle; undefined where the code is not bundled. */
export const bundleAnchor: string | undefined = new Error('anchor').stack?.split('\n').map(placeOf).find(Boolean)

/** Stacks that are shown as they are, once each, at most. */
const mostShown = 100

/**
 * Makes a function that says where in the files of users a stack is, instead of where in the bundle.
 *
 * Frames below the last one of a user's are left out: they are ours. Where the positions are missing, or of another bundle, the
 * stack stays as it is.
 *
 * @param options `read` gives the JSON of `Positions`, or undefined where there is none; it may fail, and is asked again then.
 *   `show` takes a stack that stays as it is, once for each place
 * @returns what never rejects
 */
export function stackMapper(options: {
  readonly read: () => Promise<string | undefined>
  readonly show: (stack: string) => void
  /** Where the anchor of the running bundle is; `bundleAnchor` when left out. */
  readonly anchor?: string | undefined
}): (stack: string) => Promise<string> {
  const { read, show, anchor = bundleAnchor } = options
  // Data alone is shared by requests: a promise of one cannot be awaited by another.
  let positions: Positions | null | undefined
  const shown = new Set<string>()
  return async (stack) => {
    const place = stack.split('\n').map(placeOf).find(Boolean)
    if (place === undefined) return stack
    if (positions === undefined) {
      const text = await read().catch(() => null)
      if (text !== null) {
        const known = parsePositions(text)
        positions = known !== undefined && known.anchor === anchor ? known : null
      }
    }
    if (positions !== null && positions !== undefined) return mapStack(stack, { [bundleName]: positions })
    if (!shown.has(place) && shown.size < mostShown) {
      shown.add(place)
      show(stack)
    }
    return stack
  }
}

function parsePositions(text = ''): Positions | undefined {
  try {
    return JSON.parse(text) as Positions
  } catch {
    return undefined
  }
}

/**
 * Shows a stack by the places that its modules are made from. Frames below the last one that is known are left out; what follows
 * the frames (which transform it was) is not.
 *
 * @param stack as the runtime wrote it
 * @param positions by the file's name of a module
 */
export function mapStack(stack: string, positions: Readonly<Record<string, Positions>>): string {
  const lines = stack.split('\n')
  let last = -1
  const mapped = lines.map((text, i) => {
    const [, before = '', file = '', line = '', column = '', after = ''] = frame.exec(text) ?? []
    const known = positions[file]
    const place = known === undefined ? undefined : sourcePlace(known, line, Number(column))
    if (place === undefined) return text
    last = i
    return `${before}${place}${after}`
  })
  const isOurs = (text: string, i: number) => i > last && text.startsWith('    at ')
  return last < 0 ? stack : mapped.filter((text, i) => !isOurs(text, i)).join('\n')
}

/** Finds `<file>:<line>:<column>` of a place in the bundle. */
function sourcePlace({ files, lines }: Positions, line: string, column: number): string | undefined {
  const runs = lines[line] ?? []
  let [low, high] = [0, runs.length / 4]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((runs[middle * 4] as number) <= column) low = middle + 1
    else high = middle
  }
  if (low === 0) return undefined
  const [, file = -1, ...place] = runs.slice((low - 1) * 4, low * 4)
  return files[file] === undefined ? undefined : `${files[file]}:${place.join(':')}`
}

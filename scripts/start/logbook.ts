/** What the Worker and the runtime say: held back until it is known whether the start succeeds, then said at once. */
export interface Logbook {
  readonly add: (line: string) => void
  /** Says what was held back, and from now on everything at once. */
  readonly open: () => void
  /** The fields of the first line held back that has this message, awaited for a second: it may come after its answer. */
  readonly find: (message: string) => Promise<LogFields | undefined>
}

type LogFields = Readonly<Record<string, unknown>>

/**
 * Makes a logbook.
 *
 * @param say takes each line; the JSON that the Worker logs is made readable: time, level, message, fields
 * @returns an empty one, not yet open
 */
export function logbook(say: (line: string) => void): Logbook {
  const held: string[] = []
  let isOpen = false
  return {
    add: (line) => {
      if (isOpen) say(readable(line))
      else held.push(line)
    },
    open: () => {
      isOpen = true
      for (const line of held.splice(0)) say(readable(line))
    },
    find: async (message) => {
      for (let i = 0; i < 20; i++) {
        const found = held.map(parseLine).find((fields) => fields?.['message'] === message)
        if (found !== undefined) return found
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return undefined
    },
  }
}

function readable(line: string): string {
  const { time, level, message, ...fields } = parseLine(line) ?? {}
  if (typeof time !== 'string' || typeof level !== 'string' || typeof message !== 'string') return line
  const rest = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
  return `${time} ${level} ${message}${rest}`
}

function parseLine(line: string): LogFields | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as LogFields
  } catch {
    return undefined
  }
}

/** What the Worker and the runtime say: held back until it is known whether the start succeeds, then said at once. */
export interface Logbook {
  readonly add: (line: string) => void
  /** Says what was held back, and from now on everything at once. */
  readonly open: () => void
  /** The first line held back that begins so, awaited for a second: logs may come after the answer they belong to. */
  readonly find: (beginning: string) => Promise<string | undefined>
}

/**
 * Makes a logbook.
 *
 * @param say takes each line, with the JSON that the Worker logs made readable
 * @returns an empty one, not yet open
 */
export function logbook(say: (line: string) => void): Logbook {
  const held: string[] = []
  let isOpen = false
  return {
    add: (line) => {
      if (isOpen) say(readable(line))
      else held.push(readable(line))
    },
    open: () => {
      isOpen = true
      for (const line of held.splice(0)) say(line)
    },
    find: async (beginning) => {
      for (let i = 0; i < 20; i++) {
        const found = held.find((line) => line.startsWith(beginning))
        if (found !== undefined) return found
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return undefined
    },
  }
}

function readable(line: string): string {
  if (!line.startsWith('{')) return line
  try {
    const { level: _, message, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>
    if (typeof message !== 'string') return line
    return Object.keys(fields).length === 0 ? message : `${message} ${JSON.stringify(fields)}`
  } catch {
    return line
  }
}

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until something holds.
 *
 * @param what in words, for the error
 * @param holds asked every 50 ms; the last answer or error is in the error
 * @returns what `holds` gave when it was neither false nor undefined
 */
export async function until<T>(
  what: string,
  holds: () => T | Promise<T>,
  { seconds = 30, everyMs = 50 }: { readonly seconds?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, false | undefined>> {
  const end = Date.now() + seconds * 1_000
  let last: unknown
  while (Date.now() < end) {
    try {
      const value = await holds()
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
      last = value
    } catch (error) {
      last = error
    }
    await sleep(everyMs)
  }
  throw new Error(`not within ${seconds} s: ${what}${last instanceof Error ? ` (${last.message})` : ''}`, {
    cause: last,
  })
}

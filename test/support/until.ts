import { setTimeout as sleep } from 'node:timers/promises'

interface Options<T> {
  /** Whether what was seen is enough; unless given, all but `false` and `undefined` is. */
  readonly enough?: (seen: T) => boolean
  readonly seconds?: number
  readonly everyMs?: number
}

/**
 * Waits until something holds.
 *
 * @param what in words, for the error
 * @param look asked every `everyMs` milliseconds; what it saw or threw last is in the error
 * @param options when to be content, and how long to wait: 30 s unless said otherwise
 * @returns what `look` gave when it was enough
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { enough = (seen) => seen !== false && seen !== undefined, seconds = 30, everyMs = 50 }: Options<T> = {},
): Promise<Exclude<T, false | undefined>> {
  const end = Date.now() + seconds * 1_000
  let last: unknown
  do {
    try {
      const seen = await look()
      if (enough(seen)) return seen as Exclude<T, false | undefined>
      last = seen
    } catch (error) {
      last = error
    }
    await sleep(everyMs)
  } while (Date.now() < end)
  throw new Error(`not within ${seconds} s: ${what}${lastOf(last)}`, { cause: last })
}

/** What is seen of work that goes on. */
interface Progress {
  readonly isDone: boolean
  /** Is another one whenever something has moved. */
  readonly signs: unknown
}

/**
 * Waits until work is done, for as long as it moves: a slow machine is no failure.
 *
 * @param what in words, for the error
 * @param look asked every 200 ms; a call that fails has seen nothing
 * @param stillSeconds how long nothing may move
 * @throws Error when nothing has moved for so long, with what was seen last
 */
export async function untilDone(what: string, look: () => Promise<Progress>, stillSeconds = 90): Promise<void> {
  let moved = Date.now()
  let before: string | undefined
  let last: unknown
  for (;;) {
    try {
      const { isDone, signs } = await look()
      if (isDone) return
      const now = JSON.stringify(signs)
      if (now !== before) moved = Date.now()
      before = now
      last = signs
    } catch (error) {
      last = error
    }
    if (Date.now() - moved > stillSeconds * 1_000)
      throw new Error(`nothing moved for ${stillSeconds} s: ${what}${lastOf(last)}`, { cause: last })
    await sleep(200)
  }
}

function lastOf(last: unknown): string {
  if (last === undefined || last === false) return ''
  return ` (last: ${last instanceof Error ? last.message : JSON.stringify(last).slice(0, 2_000)})`
}

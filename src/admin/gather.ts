import { reasonOf, SluicewayError } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'

/** What was asked of many objects at once. */
export interface Gathered<Value> {
  readonly values: readonly Value[]
  /** What could not be reached, one sentence each. */
  readonly failures: readonly string[]
}

/**
 * Makes sure that a list which is empty is empty, and not only unknown: a caller who takes no notice of `failures` would
 * believe that there is nothing.
 *
 * @param list what was found
 * @param failures what could not be asked
 * @throws {SluicewayError} stream_unavailable when there is nothing to tell but failures
 */
export function assertAnswered(list: readonly unknown[], failures: readonly string[]): void {
  if (list.length === 0 && failures.length > 0)
    throw new SluicewayError('stream_unavailable', `Nothing can be told: ${failures.join('; ')}`)
}

/** Milliseconds that one of them may take. */
const askMs = 10_000

/** Asks many objects at once; one that does not answer takes no other along. */
export async function gather<Key, Value>(
  keys: readonly Key[],
  ask: (key: Key) => Promise<Value>,
  name: (key: Key) => string,
): Promise<Gathered<Value>> {
  const failures: string[] = []
  const answers = await Promise.all(
    keys.map(async (key) => {
      try {
        return [await withTimeout(ask(key), askMs, name(key))]
      } catch (error) {
        failures.push(`${name(key)} does not answer: ${reasonOf(error)}`)
        return []
      }
    }),
  )
  return { values: answers.flat(), failures }
}

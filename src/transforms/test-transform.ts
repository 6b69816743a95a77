import { defaultUserCodeMs } from '../core/deadline.ts'
import type { Event } from '../core/event.ts'
import { knownMetadata } from '../core/metadata.ts'
import type { Metadata, Transform } from '../core/transform.ts'
import { runTransforms } from './run.ts'

/** What a test may say beside the events. */
export interface TestOptions {
  /** Takes the place of what `metadata(event)` would tell: source `web`, received when the test runs. */
  readonly metadata?: Partial<Metadata>
  /** Milliseconds that the transform may take; 5,000 when left out. */
  readonly userCodeMs?: number
}

/** What became of the events of a test. */
export interface TestedTransform {
  /** What came out, in the order of the input, each with its messageId. */
  readonly events: readonly Event[]
  /** Events of the input, as they were, of which nothing came out. */
  readonly dropped: readonly Event[]
  /** What would be dead letters: the event as it was, the message (`reason`), and the stack (`detail`). */
  readonly errors: readonly { readonly event: Event; readonly message: string; readonly stack: string }[]
}

/** An event of a test: `type` is `track` and `messageId` is `test-<place>` where it has none. */
export type TestEvent = Partial<Event>

/**
 * Runs a transform over events as a deployment does: several at once, JSON in and out, with the same rules for what it returns,
 * throws or loses.
 *
 * It needs no test runner: vitest, `node --test` and others look at what it returns.
 *
 * @param transform the module (`import * as centsToEuros`), or one made with settings
 * @param events one or several; they are not changed
 * @returns what became of them; rejects with an Error only where the transform is none, or its settings are wrong
 */
export async function testTransform(
  transform: Transform,
  events: TestEvent | readonly TestEvent[],
  options: TestOptions = {},
): Promise<TestedTransform> {
  const { problems = [] } = transform
  if (problems.length > 0) throw new Error(`${transform.name}: ${problems.join('; ')}`)
  if (transform.transformEvent === undefined && transform.transformBatch === undefined)
    throw new Error('this is no transform: it exports neither transformEvent nor transformBatch')
  if (transform.transformEvent !== undefined && transform.transformBatch !== undefined)
    throw new Error('this is no transform: it exports both transformEvent and transformBatch')
  const given = ([events].flat() as TestEvent[]).map((event, i): Event => ({
    type: 'track',
    messageId: `test-${i + 1}`,
    ...event,
  }))
  const way = { sourceName: 'web', sourceType: 'HTTP', receivedAt: new Date().toISOString() }
  const known = { ...knownMetadata(way), ...options.metadata }
  const ran = await runTransforms(
    [transform],
    given.map((event) => structuredClone(event)),
    () => known,
    options.userCodeMs ?? defaultUserCodeMs,
  )
  return {
    events: ran.events.map(({ text }) => JSON.parse(text) as Event),
    dropped: ran.dropped.map(({ index }) => given[index] as Event),
    errors: ran.failed.map(({ index, error }) => ({ event: given[index] as Event, ...error })),
  }
}

import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import type { TestEvent } from '../../src/transforms/test-transform.ts'

/** One case of `transforms/<name>.test.json`, or of the golden cases of a ready-made transform. */
export interface TransformCase {
  readonly name: string
  /** Of a transform that is called with settings in the config. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  /** Of one with RudderStack's globals: what `#transforms/<name>` is called with, such as `credentials`. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** Rows of KV namespaces, by the name of their binding and their key; null for one that cannot be read. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>> | undefined
  /** JSON or text that `fetch` gets, by URL; null where it fails. No other URL is asked. */
  readonly responses?: Readonly<Record<string, unknown>> | undefined
  readonly event?: TestEvent | undefined
  /** In place of `event`, several that come at once. */
  readonly events?: readonly TestEvent[] | undefined
  /** What comes out: `same`, nothing (`dropped`), an event or several; left out where all throw. */
  readonly becomes?: 'same' | 'dropped' | TestEvent | readonly TestEvent[] | undefined
  /** The message of what is thrown, which is the reason of the dead letter. */
  readonly throws?: string | undefined
  /** What `log` writes, a text for each call; not looked at where it is left out. */
  readonly logs?: readonly string[] | undefined
  /** Where it runs; as the config runs the transform, where it is left out. */
  readonly run?: 'inline' | 'isolated' | undefined
}

const record = z.record(z.string(), z.unknown())
const caseShape = z
  .strictObject({
    name: z.string().min(1),
    settings: record.optional(),
    options: record.optional(),
    tables: z.record(z.string(), record.nullable()).optional(),
    responses: record.optional(),
    event: record.optional(),
    events: z.array(record).min(1).optional(),
    becomes: z
      .union(
        [z.enum(['same', 'dropped']), record, z.array(record)],
        'must be "same", "dropped", an event or a list of events',
      )
      .optional(),
    throws: z.string().optional(),
    logs: z.array(z.string()).optional(),
    run: z.enum(['inline', 'isolated'], 'must be "inline" or "isolated"').optional(),
  })
  .refine(({ event, events }) => (event === undefined) !== (events === undefined), 'needs either "event" or "events"')
  .refine(({ becomes, throws }) => (becomes ?? throws) !== undefined, 'needs "becomes" or "throws"')
  .refine(
    ({ events, becomes, throws }) => events !== undefined || (becomes === undefined) !== (throws === undefined),
    'has one event, which cannot both become something and throw',
  )

/**
 * Reads a file of cases.
 *
 * @param file its path
 * @returns the cases, at least one
 * @throws {SluicewayError} bad_request with what is wrong with it, and where
 */
export function readCases(file: string): readonly TransformCase[] {
  let read: unknown
  try {
    read = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw new SluicewayError('bad_request', `it is no JSON: ${reasonOf(thrown)}`)
  }
  const { data, error } = z.array(caseShape).min(1, 'has no cases').safeParse(read)
  if (error === undefined) return data as readonly TransformCase[]
  const problems = error.issues.map(({ path, message }) => {
    const [place, ...rest] = path
    const where =
      place === undefined
        ? 'the list of cases'
        : `case ${Number(place) + 1}${rest.map((one) => `.${String(one)}`).join('')}`
    return `${where}: ${message}`
  })
  throw new SluicewayError('bad_request', problems.join('; '))
}

/** The events that a case puts in. */
export const inputOf = ({ event, events }: TransformCase): readonly TestEvent[] =>
  events ?? (event === undefined ? [] : [event])

/** The events that must come out. */
export function outputOf(one: TransformCase): readonly TestEvent[] {
  const { becomes } = one
  if (becomes === 'same') return inputOf(one)
  return becomes === undefined || becomes === 'dropped' ? [] : ([becomes].flat() as TestEvent[])
}

/** Takes out of what came out what a case leaves to the run: `type` and `messageId`, where it names none. */
export const asExpected = (event: Event, expected: TestEvent | undefined): TestEvent => {
  const { ...rest }: TestEvent = event
  if (expected !== undefined)
    for (const key of ['type', 'messageId']) if (!Object.hasOwn(expected, key)) delete rest[key]
  return rest
}

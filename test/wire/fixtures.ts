import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import type { Recorded } from '../../scripts/record/recorder.ts'
import { parseJsonKeepingDigits } from '../../src/core/json-parse.ts'

/** A call as it was made, in the words of the event specification. */
export interface Sent {
  readonly type: string
  readonly timestamp: string
  readonly traits?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** What one client sent when it was asked to. */
export interface Fixture {
  readonly client: string
  readonly package: string
  readonly version: string
  readonly writeKey: string
  readonly sent: readonly Sent[]
  readonly requests: readonly Recorded[]
}

/** What was recorded of every client, written by scripts/record/record.ts. */
export const fixtures: readonly Fixture[] = globSync('*.json', { cwd: join(import.meta.dirname, 'fixtures') })
  .map((file) => JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', file), 'utf8')) as Fixture)
  .toSorted((a, b) => (a.client < b.client ? -1 : 1))

/** @throws {Error} when nothing of the client was recorded */
export const fixtureOf = (client: string): Fixture => {
  const found = fixtures.find((fixture) => fixture.client === client)
  if (found === undefined) throw new Error(`there is no fixture of ${client}`)
  return found
}

/** The first request of a client. */
export const firstOf = ({ client, requests: [request] }: Fixture): Recorded => {
  if (request === undefined) throw new Error(`the fixture of ${client} has no request`)
  return request
}

export const bytesOf = ({ body }: Recorded): Buffer<ArrayBuffer> => Buffer.from(body, 'base64')

export const isGzip = ({ headers }: Recorded): boolean =>
  headers.some(([name, value]) => name.toLowerCase() === 'content-encoding' && value === 'gzip')

/** The text of a request; JSON but for the numbers that Python writes. */
export const textOf = (request: Recorded): string =>
  (isGzip(request) ? gunzipSync(bytesOf(request)) : bytesOf(request)).toString('utf8')

/** The request as an object, with null for the numbers that JSON has not. */
export const bodyOf = (request: Recorded): { readonly batch: readonly Record<string, unknown>[] } & object =>
  parseJsonKeepingDigits(textOf(request).replaceAll(/-?\b(?:NaN|Infinity)\b/g, 'null')) as {
    batch: Record<string, unknown>[]
  }

/** The messageIds that the client gave its events, in their order. */
export const idsOf = ({ requests }: Fixture): string[] =>
  requests.flatMap((request) => bodyOf(request).batch.map(({ messageId }) => String(messageId)))

/** What a client makes of a call before it sends it, so that it arrives otherwise than the others'. */
interface Habit {
  /** The name in `context.library`, and the version where it is not that of the package. */
  readonly library: readonly [name: string, version?: string]
  /** A null within properties or traits is left out by the client. */
  readonly omitsNull?: true
  /** Traits of an identify are in `context.traits` only. */
  readonly traitsInContext?: true
  /** The time of the call is its `originalTimestamp`; `timestamp` is for the server to work out. */
  readonly timeIsOriginal?: true
}

const habits: Readonly<Record<string, Habit>> = {
  'rudder-python': { library: ['analytics-python'], traitsInContext: true },
  'segment-python': { library: ['analytics-python'] },
  'rudder-go': { library: ['analytics-go'], timeIsOriginal: true },
  'segment-go': { library: ['analytics-go', '3.0.0'] },
  'rudder-java': { library: ['analytics-java'], omitsNull: true },
  'segment-java': { library: ['analytics-java'], omitsNull: true },
  'rudder-node': { library: ['analytics-node'] },
  'segment-node': { library: ['@segment/analytics-node'] },
  'segment-node-old': { library: ['analytics-node'] },
  'customerio-node': { library: ['@customerio/cdp-analytics-node', '1.0.0-beta.22'] },
}

/** Says how a call of a client must look at the sink; to be used with `toMatchObject`. */
export function expectedOf(sent: Sent, { client, version }: Fixture): Record<string, unknown> {
  const habit = habits[client]
  if (habit === undefined) throw new Error(`nothing is known of ${client}`)
  const { timestamp, ...call } = habit.omitsNull === true ? withoutNulls(sent) : sent
  const [name, libraryVersion = version.replace(/^v/, '')] = habit.library
  const context: Record<string, unknown> = { library: { name, version: libraryVersion } }
  const expected: Record<string, unknown> = { ...call, context }
  expected[habit.timeIsOriginal === true ? 'originalTimestamp' : 'timestamp'] = timestamp
  if (habit.traitsInContext === true && call.type === 'identify') {
    context['traits'] = call.traits
    delete expected['traits']
  }
  return expected
}

function withoutNulls<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (_, one: unknown) => (one === null ? undefined : one))) as T
}

/** Fails unless the events are the calls of a client, each of them once, as they were made. */
export function expectAll(events: readonly Readonly<Record<string, unknown>>[], fixture: Fixture): void {
  expect(events.map(({ messageId }) => messageId).toSorted(), 'messageIds at the sink').toEqual(
    idsOf(fixture).toSorted(),
  )
  for (const sent of fixture.sent) {
    const what = String(sent['event'] ?? sent['name'] ?? sent.type)
    const found = events.filter((event) =>
      ['type', 'event', 'name'].every((field) => (event[field] ?? undefined) === sent[field]),
    )
    expect(found.length, `${what} at the sink`).toBe(1)
    expect(found[0], what).toMatchObject(expectedOf(sent, fixture))
  }
  expect(events.length).toBe(fixture.sent.length)
}

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

type Fields = Readonly<Record<string, unknown>>

/** An event of the public specification, as data of our own; see `source` in each file. */
export interface Example {
  /** Name of the file without its ending. */
  readonly file: string
  readonly title: string
  /** The call, which is also the name of its route. */
  readonly call: 'identify' | 'track' | 'page' | 'screen' | 'group' | 'alias'
  /** The event as a client would send it to that route. */
  readonly event: Fields
}

interface File {
  /** What an event gets that has neither a userId nor an anonymousId, because its document leaves them out. */
  readonly common: { readonly anonymousId: string }
  readonly examples: readonly Omit<Example, 'file'>[]
}

export const examples: readonly Example[] = globSync('*.json', { cwd: import.meta.dirname })
  .toSorted()
  .flatMap((name) => {
    const { common, examples } = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as File
    return examples.map(({ event, ...example }) => ({
      ...example,
      file: name.slice(0, -'.json'.length),
      event: (event['userId'] ?? event['anonymousId']) === undefined ? { ...event, ...common } : event,
    }))
  })

/** What the edge says of the request that brought an event. */
export interface Circumstances {
  /** The connection's address. */
  readonly ip: string
  /** Milliseconds since the epoch, by the server's clock: it arrived then or later. */
  readonly notBefore: number
}

const canonical = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/**
 * Fails unless an event arrived with every field as it was sent, and with nothing more than the edge is known to add.
 *
 * What may differ: a null userId or anonymousId is dropped; `receivedAt` and `request_ip` are always the server's; the
 * other timestamps are RFC 3339 with milliseconds, the same instant in time, and filled in when missing; `messageId` and
 * `type` are filled in when missing, as are `context.ip` and `context.geo`.
 *
 * @param arrived the event at the other end
 * @param example what was sent
 * @param sent more fields that it was sent with
 */
export function expectUnchanged(
  arrived: Fields,
  { title, call, event }: Example,
  { ip, notBefore, ...sent }: Circumstances & { readonly messageId?: string },
): void {
  const expected = { type: call, ...event, ...sent } as Record<string, unknown>
  const found = { ...arrived }
  for (const id of ['userId', 'anonymousId']) if (expected[id] === null) delete expected[id]

  expect(found['messageId'], `${title}: messageId`).toMatch(/./)
  expected['messageId'] ??= found['messageId']
  expect(found['request_ip'], `${title}: request_ip`).toBe(ip)
  expected['request_ip'] = ip

  const instants = expectedInstants(found, expected)
  expect(instants['receivedAt'], `${title}: receivedAt`).toBeGreaterThanOrEqual(notBefore)
  for (const [name, instant] of Object.entries(instants)) {
    expect(found[name], `${title}: ${name}`).toMatch(canonical)
    expect(Date.parse(String(found[name])), `${title}: ${name}`).toBe(instant)
    expected[name] = found[name]
  }

  const context = expected['context'] as Fields | undefined
  const { geo } = found['context'] as Fields
  expected['context'] = { ip, ...(geo === undefined ? {} : { geo }), ...context }
  expect(found, title).toStrictEqual(expected)
}

/** Milliseconds since the epoch that the four timestamps of an event must show. */
function expectedInstants(found: Fields, sent: Fields): Record<string, number> {
  const instant = (name: string) => (sent[name] === undefined ? undefined : Date.parse(String(sent[name])))
  const receivedAt = Date.parse(String(found['receivedAt']))
  const sentAt = instant('sentAt') ?? receivedAt
  const originalTimestamp = instant('originalTimestamp') ?? receivedAt
  const skewed = sent['originalTimestamp'] === undefined ? receivedAt : receivedAt - (sentAt - originalTimestamp)
  return { receivedAt, sentAt, originalTimestamp, timestamp: instant('timestamp') ?? skewed }
}

/** Whether the `integrations` of an example let it go to the destination of that display name. */
export function isFor({ event }: Example, displayName: string): boolean {
  const { All = true, ...named } = (event['integrations'] ?? {}) as Readonly<Record<string, boolean>>
  return named[displayName] ?? All
}

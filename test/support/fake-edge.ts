import { readableLog } from './fake-stream.ts'
import type { LaneRpc } from '../../src/core/bindings.ts'
import type { Config } from '../../src/core/config.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { type Envelope, type Packed, unpack } from '../../src/core/envelope.ts'
import { partitionOf } from '../../src/storage/murmur2.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Stream } from '../../src/core/stream.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import type { Destination } from '../../src/core/destination.ts'
import { FakeBucket } from './fake-bucket.ts'

export const writeKey = '2HkeyOfTheShop'
export const now = Date.UTC(2026, 10, 22, 10, 0, 0, 500)
export const receivedAt = '2026-11-22T10:00:00.500Z'

/** A context whose stream and lane only remember. */
export interface FakeEdge {
  readonly context: AppContext
  readonly appends: (readonly Packed[])[]
  readonly deadLetters: NewDeadLetter[]
  readonly counters: Record<string, number>
  readonly logged: string[]
  readonly bucket: FakeBucket
  /** What goes on after the answers. */
  readonly background: Promise<unknown>[]
  /** Everything that was appended. */
  readonly envelopes: () => Envelope[]
  readonly events: () => Record<string, unknown>[]
}

export interface Options {
  readonly source?: Partial<Config['sources'][string]>
  readonly limits?: Config['limits']
  readonly streamLimits?: Stream['limits']
  /** Of the stream, each of which can be unavailable alone; one when left out. */
  readonly partitions?: number
  /** Called at each append, before it is remembered. */
  readonly onAppend?: (batch: readonly Packed[], options?: { readonly since?: number }) => void | Promise<void>
  readonly onDeadLetters?: () => void | Promise<void>
  readonly onCount?: () => void | Promise<void>
}

const destination = (name: string): Destination => ({
  kind: 'destination',
  name,
  limits: { events: 1, bytes: 1000, parallel: 1, timeoutSeconds: 1 },
  problems: [],
  redacted: {},
  encode: () => null,
  request: () => ({ method: 'POST', url: 'https://sink.example', headers: {} }),
})

export function fakeEdge(options: Options = {}): FakeEdge {
  const appends: (readonly Packed[])[] = []
  const deadLetters: NewDeadLetter[] = []
  const counters: Record<string, number> = {}
  const logged: string[] = []
  const bucket = new FakeBucket()
  const background: Promise<unknown>[] = []
  const { partitions = 1 } = options
  const stream: Stream = {
    name: 'log',
    partitions,
    ...(partitions === 1 ? {} : { partitionOf: (key: string) => partitionOf(key, partitions) }),
    problems: [],
    limits: options.streamLimits ?? { events: 5_000, bytes: 800_000 },
    eventBytesLimit: 524_288,
    dedupMs: 600_000,
    triggers: {},
    log: readableLog,
    async append(batch, _bindings, more) {
      await options.onAppend?.(batch, more)
      appends.push(batch)
      return { accepted: batch.length, duplicates: 0 }
    },
  }
  const lane: Pick<LaneRpc, 'addDeadLetters' | 'count'> = {
    async addDeadLetters(ref, letters) {
      if (ref.target !== '@edge' || ref.partition !== 0) throw new Error(`not the edge's lane: ${ref.target}`)
      await options.onDeadLetters?.()
      deadLetters.push(...letters)
    },
    async count(_ref, more) {
      await options.onCount?.()
      for (const [name, n] of Object.entries(more)) counters[name] = (counters[name] ?? 0) + n
    },
  }
  let ids = 0
  const context = {
    resolved: resolveConfig(
      () => ({
        stream,
        sources: {
          shop: { writeKey, ...options.source },
          closed: { writeKey: 'closedKey', enabled: false },
        },
        destinations: {
          webhook: { use: destination('webhook'), displayName: 'Webhook' },
          crm: { use: destination('crm'), displayName: 'CRM' },
        },
        ...(options.limits === undefined ? {} : { limits: options.limits }),
      }),
      {},
    ),
    bindings: { LANE: { getByName: (name: string) => (name === '@edge:0' ? lane : undefined) }, BUCKET: bucket },
    port: {
      fetch: () => Promise.reject(new Error('the edge fetches nothing')),
      now: () => now,
      random: () => 0.5,
      uuid: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
      log: (_level: string, message: string) => logged.push(message),
    },
    waitUntil: (work: Promise<unknown>) => void background.push(work),
  } as unknown as AppContext
  const envelopes = () => appends.flatMap((batch) => batch.flatMap(({ text }) => unpack(text)))
  return {
    context,
    appends,
    deadLetters,
    counters,
    logged,
    bucket,
    background,
    envelopes,
    events: () => envelopes().map(({ event }) => event as Record<string, unknown>),
  }
}

/** A good event, as an SDK sends it. */
export const orderCompleted = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1',
  anonymousId: 'anon-ada',
  userId: 'ada',
  originalTimestamp: '2026-11-22T09:59:58.000Z',
  sentAt: '2026-11-22T10:00:00.000Z',
  properties: { order_id: '50314b8e', revenue: 39.95, products: [{ sku: '45790-32', name: 'Monopoly: 3rd Edition' }] },
  context: { library: { name: 'analytics-node', version: '3.1.0' }, traits: { email: 'ada@example.com' } },
  ...more,
})

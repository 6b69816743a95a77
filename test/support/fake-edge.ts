import { TransformSums } from '../../src/core/transform-counts.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { LaneRpc } from '../../src/core/bindings.ts'
import type { Config } from '../../src/core/config.ts'
import type { DroppedSample } from '../../src/core/dropped.ts'
import type { DeadLetter, NewDeadLetter } from '../../src/core/dead-letter.ts'
import { FakeBucket } from './fake-bucket.ts'
import { type ContextParts, fakeContext, type FakeContext } from './fake-context.ts'
import { fakeDestination } from './fake-destination.ts'
import { fakeStream, type FakeStream, type StreamOptions } from './fake-stream.ts'

export const writeKey = '2HkeyOfTheShop'

/** The context of an edge whose stream and lane only remember. */
export interface FakeEdge extends FakeContext, Pick<FakeStream, 'appends' | 'envelopes'> {
  readonly deadLetters: NewDeadLetter[]
  readonly counters: Record<string, number>
  /** What the lane of the edge was told of events that were not taken. */
  readonly droppedSamples: DroppedSample[]
  /** What it was told of transforms. */
  readonly transforms: TransformSums
  readonly bucket: FakeBucket
  /** The events of everything that was appended. */
  readonly events: () => Record<string, unknown>[]
}

export interface EdgeOptions extends Pick<StreamOptions, 'partitions' | 'onAppend'>, ContextParts {
  readonly source?: Partial<Config['sources'][string]>
  readonly limits?: Config['limits']
  readonly streamLimits?: StreamOptions['limits']
  readonly onDeadLetters?: () => void | Promise<void>
  readonly onCount?: () => void | Promise<void>
}

/**
 * Makes the context of an edge with the sources `shop` and `closed` and the destinations `webhook` and `crm`.
 *
 * @param options what is otherwise; `resolved`, `bindings` and `port` replace or add single members
 */
export function fakeEdge(options: EdgeOptions = {}): FakeEdge {
  const { streamLimits, partitions = 1, onAppend } = options
  const { stream, appends, envelopes } = fakeStream({
    partitions,
    ...(streamLimits === undefined ? {} : { limits: streamLimits }),
    ...(onAppend === undefined ? {} : { onAppend }),
  })
  const { lane, deadLetters, counters, droppedSamples, transforms } = edgeLane(options)
  const bucket = new FakeBucket()
  const resolved = resolveConfig(
    () => ({
      stream,
      sources: {
        shop: options.source?.kafka === undefined ? { writeKey, ...options.source } : options.source,
        closed: { writeKey: 'closedKey', enabled: false },
      },
      destinations: {
        webhook: { use: fakeDestination('webhook'), displayName: 'Webhook' },
        crm: { use: fakeDestination('crm'), displayName: 'CRM' },
      },
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    }),
    {},
  )
  const fake = fakeContext({
    resolved: { ...resolved, ...options.resolved },
    bindings: {
      LANE: { getByName: (name: string) => (name === '@edge:0' ? lane : undefined) },
      BUCKET: bucket,
      ...options.bindings,
    },
    ...(options.port === undefined ? {} : { port: options.port }),
  })
  return {
    ...fake,
    appends,
    envelopes,
    deadLetters,
    counters,
    droppedSamples,
    transforms,
    bucket,
    events: () => envelopes().map(({ event }) => event as Record<string, unknown>),
  }
}

/** The lane of the edge, which keeps dead letters and counters. */
function edgeLane({ onDeadLetters, onCount }: EdgeOptions) {
  const deadLetters: NewDeadLetter[] = []
  const counters: Record<string, number> = {}
  const droppedSamples: DroppedSample[] = []
  const transforms = new TransformSums()
  const lane: Pick<LaneRpc, 'addDeadLetters' | 'letters' | 'count'> = {
    async addDeadLetters(ref, letters) {
      if (ref.target !== '@edge' || ref.partition !== 0) throw new Error(`not the edge's lane: ${ref.target}`)
      await onDeadLetters?.()
      deadLetters.push(...letters)
    },
    letters: async (_ref, { messageId }) =>
      deadLetters.filter((letter) => letter.messageId === messageId) as unknown as DeadLetter[],
    async count(_ref, more, dropped = [], counts = []) {
      await onCount?.()
      droppedSamples.push(...dropped)
      transforms.add(counts)
      for (const [name, n] of Object.entries(more)) counters[name] = (counters[name] ?? 0) + n
    },
  }
  return { lane, deadLetters, counters, droppedSamples, transforms }
}

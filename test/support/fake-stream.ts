import { type Envelope, type Packed, unpack } from '../../src/core/envelope.ts'
import type { ReadableLog, Stream } from '../../src/core/stream.ts'
import { partitionOf } from '../../src/storage/murmur2.ts'

/** How a stream that is read by offset says that it keeps events; its partitions are what the bindings of the test give. */
export const readableLog: ReadableLog = {
  flushMs: 20,
  retentionMs: 7 * 86_400_000,
  dedupMs: 600_000,
  partition: (bindings, partition) => bindings.LOG.getByName(`${partition}`),
  topics: new Map(),
}

export interface StreamOptions {
  /** `log`, which lanes read by offset, unless it is another. */
  readonly name?: 'log' | 'queues'
  readonly limits?: Stream['limits']
  /** Each of several can be unavailable alone; one when left out. */
  readonly partitions?: number
  /** Called at each append, before it is remembered. */
  readonly onAppend?: (batch: readonly Packed[], options?: { readonly since?: number }) => void | Promise<void>
}

/** A stream that only remembers. */
export interface FakeStream {
  readonly stream: Stream
  readonly appends: (readonly Packed[])[]
  /** Everything that was appended. */
  readonly envelopes: () => Envelope[]
}

/**
 * Makes a stream that takes all that is appended, and hands it on to nobody.
 *
 * @param options what it is called, what it takes, and what happens when it is called
 */
export function fakeStream({ name = 'log', limits, partitions = 1, onAppend }: StreamOptions = {}): FakeStream {
  const appends: (readonly Packed[])[] = []
  const stream: Stream = {
    name,
    partitions,
    ...(partitions === 1 ? {} : { partitionOf: (key: string) => partitionOf(key, partitions) }),
    problems: [],
    limits: limits ?? { events: 5_000, bytes: 800_000 },
    eventBytesLimit: 524_288,
    dedupMs: 600_000,
    triggers: {},
    ...(name === 'log' ? { log: readableLog } : {}),
    async append(batch, _bindings, more) {
      await onAppend?.(batch, more)
      appends.push(batch)
      return { accepted: batch.length, duplicates: 0 }
    },
  }
  return { stream, appends, envelopes: () => appends.flatMap((batch) => batch.flatMap(({ text }) => unpack(text))) }
}

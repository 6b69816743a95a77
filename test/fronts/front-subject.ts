import { SluicewayError } from '../../src/core/errors.ts'
import type { KafkaConnection, KafkaFront, KafkaMessage, KafkaPosition, KafkaRecord } from '../../src/core/kafka.ts'
import type { FakeConsumers } from './fake-consumers.ts'
import type { FakeFront } from './fake-front.ts'

/** Every topic that the suite uses; each has three partitions. */
export const suiteTopics = ['orders', 'carts', 'emails', 'stock', 'refunds', 'visits'].flatMap((name) =>
  ['', '-2', '-3', '-4', '-5', '-6', '-7', '-8', '-9', '-10'].map((number) => name + number),
)

/** A front under test, and what stands behind it. */
export interface Subject {
  readonly name: string
  /** Starts the server; topics are those of `suiteTopics`. */
  readonly start: () => Promise<Started>
  /** The front at an address, as a user configures it. */
  readonly front: (url: string, password?: string) => KafkaFront
  /** True: the server is a fake, whose answers can go wrong. */
  readonly isFake: boolean
  /** True: what is read has no key where it was empty or missing. */
  readonly blursKeys?: true
  /** The code of a failure that passes; 50003 when left out. */
  readonly codes?: { readonly passing: number }
  /** False: the server lets everybody in. */
  readonly hasLogin?: false
  /** False: reads need no consumer instance. */
  readonly hasInstances?: false
  /** False: commits are told to nobody. */
  readonly commits?: false
  /** True: a record header must have a value. */
  readonly filledHeaders?: true
  /** False: a record header may be empty, but not null. */
  readonly nullHeaders?: false
}

/** A server that runs. */
export interface Started {
  readonly url: string
  readonly stop: () => Promise<void>
  /** The fake that the server is; undefined where it is a real one. */
  readonly fake?: FakeFront & { readonly consumers?: FakeConsumers; emptyPolls?: number }
}

/** The port of Node. */
export const nodePort = { fetch: (request: Request) => fetch(request), now: () => Date.now() }

const encoder = new TextEncoder()

/** Bytes of text. */
export const bytes = (text: string): Uint8Array => encoder.encode(text)

/** A record with a text as value. */
export const recordOf = (partition: number, value: string, more: Partial<KafkaRecord> = {}): KafkaRecord => ({
  partition,
  key: bytes('ada'),
  value: bytes(value),
  headers: [],
  ...more,
})

export const textOf = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString()

/** Seconds of one call, so that a test that hangs says so. */
export const soon = (ms = 10_000): AbortSignal => AbortSignal.timeout(ms)

/** Reads until so many records have come, going on where the messages and `moved` say; empty reads are no end. */
export async function readAll(
  connection: KafkaConnection,
  from: readonly KafkaPosition[],
  {
    count,
    maxBytes = 1_000_000,
    tries = 20,
  }: { readonly count: number; readonly maxBytes?: number; readonly tries?: number },
): Promise<KafkaMessage[]> {
  const got: KafkaMessage[] = []
  const positions = new Map(from.map((one) => [`${one.topic}-${one.partition}`, one]))
  for (let i = 0; i < tries && got.length < count; i++) {
    const { messages, moved } = await connection.fetch([...positions.values()], {
      maxBytes,
      waitMs: 100,
      signal: soon(),
    })
    for (const one of moved) positions.set(`${one.topic}-${one.partition}`, one)
    for (const { topic, partition, offset } of messages)
      positions.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 })
    got.push(...messages)
  }
  return got
}

/** What a promise rejects with. */
export async function errorOfCall(call: Promise<unknown>): Promise<SluicewayError> {
  const error = await call.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof SluicewayError) return error
  throw error
}

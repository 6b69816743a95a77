import type { AppContext } from '../core/app-context.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { withDeadline } from '../core/deadline.ts'
import { reasonOf, SluicewayError, stackOf } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { KafkaMessage } from '../core/kafka.ts'
import type { KafkaSource, KafkaSourceRecord } from '../core/kafka-source.ts'
import type { Source } from '../core/resolved-config.ts'
import type { Draft } from '../core/webhook-source.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { deadLetterBody } from './dead-letter-body.ts'
import { keepRecord, type KeptRecord, keptRecordIn, messageOfKept, recordOf, timeOf } from './kept-record.ts'

/** Milliseconds that a value may take to be decoded; a schema registry is asked meanwhile, which has times of its own. */
const decodeMs = 120_000
/**
 * Records whose `map` may be under way at the same time. No more than the connections that an invocation may have: one that waits
 * for a connection must not be taken for one that never settles.
 */
const atOnce = 6

/** A source that reads a Kafka. */
export type ReadingSource = Source & { readonly kafka: KafkaSource }

/** Events of some records, and the records that none could be made of. */
export interface MappedRecords {
  readonly events: readonly Draft[]
  readonly letters: readonly NewDeadLetter[]
  /** How many of the records these are, from the first on. */
  readonly taken: number
  /** Records of which `map` made no event. */
  readonly ignored: number
}

/** How records are mapped. */
export interface MapOptions {
  readonly source: ReadingSource
  readonly app: AppContext
  /** Milliseconds since the epoch, from which on no other record is begun: a `map` that never settles takes its time for each. */
  readonly until: number
}

/**
 * Makes events of records: decodes each, and runs the user's function.
 *
 * It may take fewer than it is given: when the time is over, and before a record whose value cannot be decoded now.
 *
 * @param messages in their order, at least one
 * @param options source, config, time
 * @returns events in the order of the records; letters for what cannot be decoded or mapped
 * @throws {SluicewayError} kafka_unavailable when the first value cannot be decoded now, as while a schema registry is unavailable
 */
export async function mapRecords(
  messages: readonly KafkaMessage[],
  { source, app, until }: MapOptions,
): Promise<MappedRecords> {
  const events: Draft[] = []
  const letters: NewDeadLetter[] = []
  let taken = 0
  let ignored = 0
  while (taken < messages.length && (taken === 0 || app.port.now() < until)) {
    const { made, passing } = await makeSome(messages.slice(taken, taken + atOnce), { source, app })
    if (passing !== undefined && taken + made.length === 0) throw passing
    for (const one of made) {
      if (!Array.isArray(one)) letters.push(one)
      else if (one.length === 0) ignored++
      else events.push(...one)
    }
    taken += made.length
    if (passing !== undefined) break
  }
  return { events, letters, taken, ignored }
}

/** What became of a record: its events, or its dead letter. */
type Made = Draft[] | NewDeadLetter

/** Decodes records one after the other, and maps them side by side; none is decoded behind one that cannot be now. */
async function makeSome(
  messages: readonly KafkaMessage[],
  { source, app }: Pick<MapOptions, 'source' | 'app'>,
): Promise<{ readonly made: readonly Made[]; readonly passing?: Error }> {
  const made: Promise<Made>[] = []
  for (const message of messages) {
    let record: KafkaSourceRecord | undefined
    const letter = (thrown: unknown) => letterOf(message, { source, thrown, record, now: app.port.now() })
    try {
      record = await decodeRecord(message, source.kafka, app)
      made.push(eventsOf(record, source.kafka, app).catch(letter))
    } catch (thrown) {
      if (isPassing(thrown)) return { made: await Promise.all(made), passing: thrown }
      made.push(Promise.resolve(letter(thrown)))
    }
  }
  return { made: await Promise.all(made) }
}

const isPassing = (thrown: unknown): thrown is SluicewayError =>
  thrown instanceof SluicewayError && thrown.code === 'kafka_unavailable'

async function decodeRecord(message: KafkaMessage, kafka: KafkaSource, app: AppContext): Promise<KafkaSourceRecord> {
  const late = (async () => kafka.decode(message, app.port))()
  return recordOf(message, await withTimeout(late, decodeMs, 'what decodes values'))
}

async function eventsOf(record: KafkaSourceRecord, kafka: KafkaSource, app: AppContext): Promise<Draft[]> {
  const mapped = await withDeadline(() => kafka.map(record), app.resolved.limits.userCodeMs, 'map')
  const drafts = mapped === null || mapped === undefined ? [] : Array.isArray(mapped) ? mapped : [mapped]
  const id = `kafka:${record.topic}:${record.partition}:${record.offset}`
  return (drafts as unknown[]).map((draft, i): Draft => {
    if (!isRecord(draft)) throw new TypeError(`map must give events, not ${kindOf(draft)}`)
    // A copy of its own, of JSON alone: events of one record may share what they hold, and the edge changes them.
    const own: unknown = JSON.parse(JSON.stringify(draft))
    if (!isRecord(own)) throw new TypeError(`map must give events, not ${kindOf(own)}`)
    return {
      ...(record.timestamp === undefined ? {} : { timestamp: new Date(record.timestamp).toISOString() }),
      messageId: i === 0 ? id : `${id}-${i}`,
      ...withoutBlanks(own),
    }
  })
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value)

/**
 * Makes events of a record that was kept as a dead letter, as it was or edited. One that could not be decoded is decoded again.
 *
 * @param kept what `mapRecords` put into the letter
 * @param kafka whose `decode` and `map` are run
 * @param app says how long it may take
 * @throws {SluicewayError} bad_request when it still cannot be decoded or mapped
 */
export async function remapRecord(kept: unknown, kafka: KafkaSource, app: AppContext): Promise<readonly Draft[]> {
  const record = keptRecordIn(kept)
  if (record === undefined)
    throw new SluicewayError(
      'bad_request',
      'A Kafka record is {"topic","partition","offset","timestamp","key","headers","value"}, or has "text" or "bytes" (base64) in place of "value"; keep that form when editing it.',
    )
  try {
    const message = messageOfKept(record)
    const decoded = message === undefined ? mappable(record) : await decodeRecord(message, kafka, app)
    return await eventsOf(decoded, kafka, app)
  } catch (cause) {
    throw new SluicewayError('bad_request', `The record is still not acceptable: ${reasonOf(cause)}`, { cause })
  }
}

const mappable = ({ text: _, bytes: __, headerBytes: ___, ...record }: KeptRecord): KafkaSourceRecord => ({
  value: null,
  ...record,
})

const withoutBlanks = (draft: Draft): Draft =>
  Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined && value !== null))

interface Failed {
  readonly source: Source
  readonly thrown: unknown
  /** Undefined where the value could not be decoded. */
  readonly record: KafkaSourceRecord | undefined
  readonly now: number
}

function letterOf(message: KafkaMessage, { source, thrown, record, now }: Failed): NewDeadLetter {
  const { topic, partition, offset } = message
  const kept = keepRecord(message)
  const stack = stackOf(thrown)
  const body = bodyOf(record) ?? deadLetterBody(kept)
  const detail = body.detail ?? stack
  return {
    stage: 'ingest',
    messageId: `kafka:${topic}:${partition}:${offset}`,
    source: source.name,
    key: kept.key ?? '',
    reason: `${topic} ${partition}, offset ${offset}: ${record === undefined ? 'its value cannot be decoded: ' : ''}${reasonOf(thrown)}`,
    code: 'source_failed',
    receivedAt: new Date(timeOf(message) ?? now).toISOString(),
    event: body.event,
    ...(detail === '' ? {} : { detail }),
    attempts: [],
  }
}

/** Undefined where a decoder of the user gave what is no JSON. */
function bodyOf(record: KafkaSourceRecord | undefined): ReturnType<typeof deadLetterBody> | undefined {
  try {
    return record === undefined ? undefined : deadLetterBody(record)
  } catch {
    return undefined
  }
}

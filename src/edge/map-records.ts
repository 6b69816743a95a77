import type { AppContext } from '../core/app-context.ts'
import type { NewDeadLetter } from '../core/dead-letter.ts'
import { withDeadline } from '../core/deadline.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { KafkaMessage } from '../core/kafka.ts'
import type { KafkaSource, KafkaSourceRecord } from '../core/kafka-source.ts'
import type { Source } from '../core/resolved-config.ts'
import type { Draft } from '../core/webhook-source.ts'
import { deadLetterBody } from './dead-letter-body.ts'

const decoder = new TextDecoder()

/** Events of some records, and the records that none could be made of. */
export interface MappedRecords {
  readonly events: readonly Draft[]
  readonly letters: readonly NewDeadLetter[]
}

/**
 * Makes events of records: decodes each, and runs the user's function.
 *
 * @param messages in their order
 * @param source the Kafka source that reads them
 * @param app config, clock
 * @returns events in the order of the records; letters for what cannot be decoded or mapped
 * @throws {SluicewayError} kafka_unavailable when a value cannot be decoded now, as while a schema registry is unavailable
 */
export async function mapRecords(
  messages: readonly KafkaMessage[],
  source: Source,
  app: AppContext,
): Promise<MappedRecords> {
  const { kafka } = source
  if (kafka === undefined) throw new SluicewayError('internal', `The source "${source.name}" reads no Kafka.`)
  const events: Draft[] = []
  const letters: NewDeadLetter[] = []
  for (const message of messages) {
    let value: unknown
    try {
      value = await kafka.decode(message, app.port)
      events.push(...(await eventsOf(recordOf(message, value), kafka, app)))
    } catch (thrown) {
      if (thrown instanceof SluicewayError && thrown.code === 'kafka_unavailable') throw thrown
      letters.push(letterOf(message, { source, thrown, value }))
    }
  }
  return { events, letters }
}

async function eventsOf(record: KafkaSourceRecord, kafka: KafkaSource, app: AppContext): Promise<Draft[]> {
  const mapped = await withDeadline(async () => kafka.map(record), app.resolved.limits.userCodeMs, 'map')
  const drafts = mapped === null || mapped === undefined ? [] : Array.isArray(mapped) ? mapped : [mapped]
  return (drafts as unknown[]).map((draft, i): Draft => {
    if (!isRecord(draft)) throw new TypeError(`map must give events, not ${JSON.stringify(draft)}`)
    const id = `kafka:${record.topic}:${record.partition}:${record.offset}`
    return {
      ...(record.timestamp === undefined ? {} : { timestamp: new Date(record.timestamp).toISOString() }),
      messageId: i === 0 ? id : `${id}-${i}`,
      ...withoutBlanks(draft),
    }
  })
}

/**
 * Makes events of a record that was kept as a dead letter, as it was or edited.
 *
 * @param kept what `mapRecords` put into the letter
 * @param kafka whose `map` is run
 * @param app says how long it may take
 * @throws {SluicewayError} bad_request when it still cannot be mapped
 */
export async function remapRecord(kept: unknown, kafka: KafkaSource, app: AppContext): Promise<readonly Draft[]> {
  if (!isRecord(kept) || typeof kept['topic'] !== 'string' || !isRecord(kept['headers']))
    throw new SluicewayError(
      'bad_request',
      'A Kafka record is {"topic","partition","offset","timestamp","key","headers","value"}; keep that form when editing it.',
    )
  try {
    return await eventsOf(kept as unknown as KafkaSourceRecord, kafka, app)
  } catch (cause) {
    throw new SluicewayError('bad_request', `The record is still not acceptable: ${reasonOf(cause)}`, { cause })
  }
}

const withoutBlanks = (draft: Draft): Draft =>
  Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined && value !== null))

const recordOf = (
  { topic, partition, offset, timestamp, key, headers }: KafkaMessage,
  value: unknown,
): KafkaSourceRecord => ({
  topic,
  partition,
  offset,
  ...(timestamp === undefined ? {} : { timestamp }),
  key: key === null ? null : decoder.decode(key),
  headers: Object.fromEntries(headers.map(([name, one]) => [name, one === null ? '' : decoder.decode(one)])),
  value,
})

function letterOf(
  message: KafkaMessage,
  { source, thrown, value }: { readonly source: Source; readonly thrown: unknown; readonly value: unknown },
): NewDeadLetter {
  const { topic, partition, offset, timestamp, value: bytes } = message
  const shown = value ?? (bytes === null ? null : decoder.decode(bytes))
  return {
    stage: 'ingest',
    messageId: `kafka:${topic}:${partition}:${offset}`,
    source: source.name,
    key: message.key === null ? '' : decoder.decode(message.key),
    reason: `${topic} ${partition}, offset ${offset}: ${reasonOf(thrown)}`,
    code: 'source_failed',
    ...(thrown instanceof Error && thrown.stack !== undefined ? { detail: thrown.stack } : {}),
    receivedAt: new Date(timestamp ?? Date.now()).toISOString(),
    ...deadLetterBody({ ...recordOf(message, shown) }),
    attempts: [],
  }
}

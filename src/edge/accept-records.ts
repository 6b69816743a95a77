import { takeRate } from '../admission/take-rate.ts'
import type { KafkaMessage } from '../core/kafka.ts'
import { acceptEvents, addDeadLetters, count } from './accept.ts'
import { type MapOptions, mapRecords } from './map-records.ts'

/** How records of a Kafka source are accepted. */
export interface AcceptRecordsOptions extends MapOptions {
  /** Milliseconds since the epoch, where the records may have been accepted before since then: see `Stream.append`. */
  readonly since?: number
}

/**
 * Takes records that a Kafka source has read: decodes and maps them, and accepts their events. What cannot be decoded or mapped
 * becomes a dead letter; what becomes no event is counted as `ignored:<source>`.
 *
 * @param messages in their order, at least one
 * @param options source, config, time
 * @returns how many of the records, from the first on, have all that they cause durable: the others come again
 * @throws {SluicewayError} kafka_unavailable; rate_limited, with `details.retryAfter` in seconds: nothing was taken; and what
 *   `acceptEvents` throws
 */
export async function acceptRecords(
  messages: readonly KafkaMessage[],
  { since, ...options }: AcceptRecordsOptions,
): Promise<number> {
  const { source, app } = options
  const { events, letters, taken, ignored } = await mapRecords(messages, options)
  if (events.length > 0) {
    // Records wait in their topic for the rate: none is refused, and none is counted as refused.
    await takeRate(source, events.length, app)
    await acceptEvents(
      { source, events, facts: {}, counted: events.length, ...(since === undefined ? {} : { since }) },
      app,
    )
  }
  // Behind the events: a repeat of these is recognized, a repeat of letters is not.
  await addDeadLetters(letters, app)
  if (ignored > 0) count({ [`ignored:${source.name}`]: ignored }, app)
  return taken
}

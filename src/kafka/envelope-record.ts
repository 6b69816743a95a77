import { Envelope, type Header } from '../core/envelope.ts'
import { isRecord } from '../core/json.ts'
import type { KafkaMessage, KafkaRecord } from '../core/kafka.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The record header in which the edge's own header travels, and the field of the value where there are no record headers. */
const name = 'sluiceway'

/**
 * Writes an envelope as a record: the key is the one that orders events; the value is the event as JSON, so that every consumer
 * of the topic can read it; what the edge knows of it is in record headers. Where a front carries none, the value is
 * `{"sluiceway":<what the edge knows>,"event":<the event>}`.
 *
 * @param envelope header and event
 * @param options the partition, and whether the front carries headers
 */
export function recordOfEnvelope(
  { header, text }: Envelope,
  { partition, headers }: { readonly partition: number; readonly headers: boolean },
): KafkaRecord {
  const about = JSON.stringify(header)
  return {
    partition,
    key: encoder.encode(header.key),
    value: encoder.encode(headers ? text : `{"${name}":${about},"event":${text}}`),
    headers: headers
      ? [
          ['message_id', encoder.encode(header.id)],
          ['source', encoder.encode(header.source)],
          [name, encoder.encode(about)],
        ]
      : [],
  }
}

/**
 * Reads a record as `recordOfEnvelope` wrote it.
 *
 * @returns the envelope, or what the record is instead, in a few words
 */
export function envelopeOfRecord({ value, headers }: KafkaMessage): Envelope | string {
  if (value === null) return 'a record without a value'
  const text = decoder.decode(value)
  const about = headers.find(([one]) => one === name)?.[1]
  try {
    if (about !== undefined && about !== null) {
      const header: unknown = JSON.parse(decoder.decode(about))
      return isHeader(header) ? new Envelope(header, lineOf(text)) : `its header "${name}" is none of ours`
    }
    const body: unknown = JSON.parse(text)
    if (!isRecord(body) || !isHeader(body[name]) || !isRecord(body['event']))
      return 'a record that was not written here'
    const start = `{"${name}":${JSON.stringify(body[name])},"event":`
    // The event's own text, digits and all, where the value has the form in which it was written.
    const event = text.startsWith(start) ? text.slice(start.length, -1) : JSON.stringify(body['event'])
    return new Envelope(body[name], lineOf(event))
  } catch {
    return 'a record whose value is no JSON'
  }
}

/** An event is one line in all that stores it. */
const lineOf = (text: string): string => (text.includes('\n') ? JSON.stringify(JSON.parse(text)) : text)

const isHeader = (value: unknown): value is Header =>
  isRecord(value) &&
  ['id', 'key', 'source', 'receivedAt'].every((field) => typeof value[field] === 'string') &&
  Array.isArray(value['to']) &&
  value['to'].every((target) => typeof target === 'string') &&
  isRecord(value['facts'])

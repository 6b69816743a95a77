import { Envelope, type Header } from '../core/envelope.ts'
import type { Event } from '../core/event.ts'
import { archiveTarget } from '../core/lanes.ts'

/** An archived event, and where its partition has it. */
export interface ArchivedEvent {
  /** Milliseconds since the epoch at which it was stored. */
  readonly at: number
  /** Its number in the archive's lane: the offset in the log, unless the stream was changed. */
  readonly place: number
  readonly envelope: Envelope
}

/** A line of an object, as JSON. */
export interface ArchiveLine extends Pick<Header, 'key' | 'source' | 'receivedAt' | 'to' | 'facts'> {
  readonly messageId: string
  /** RFC 3339 with milliseconds, UTC. */
  readonly storedAt: string
  readonly partition: number
  readonly offset: number
  readonly event: Event
}

/**
 * Writes the line of an event, without a newline.
 *
 * @param archived the event as it crossed the stream
 * @param partition that has it
 */
export function lineOf({ at, place, envelope: { header, text } }: ArchivedEvent, partition: number): string {
  const head: Omit<ArchiveLine, 'event'> = {
    messageId: header.id,
    source: header.source,
    receivedAt: header.receivedAt,
    storedAt: new Date(at).toISOString(),
    partition,
    offset: place,
    key: header.key,
    to: header.to.filter((name) => name !== archiveTarget),
    facts: header.facts,
  }
  // The text is JSON already.
  return `${JSON.stringify(head).slice(0, -1)},"event":${text}}`
}

/** Reads what `lineOf` wrote. Throws where it is no such JSON. */
export function readLine(line: string): ArchivedEvent {
  const { messageId: id, source, receivedAt, storedAt, offset, key, to, facts, event } = JSON.parse(line) as ArchiveLine
  return {
    at: Date.parse(storedAt),
    place: offset,
    envelope: new Envelope({ id, key, source, receivedAt, to, facts }, JSON.stringify(event)),
  }
}

import type { NewDeadLetter } from '../core/dead-letter.ts'
import type { Envelope } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import { privateEventOf } from '../privacy/privacy.ts'
import { isTimestamp, mapEvent, type MapOptions } from '../warehouses/mapping/map-event.ts'
import type { Row } from '../warehouses/mapping/row.ts'
import { storableText } from '../warehouses/mapping/storable-text.ts'

/** Longer ids do not fit into an index of PostgreSQL, whose entries have at most 2,704 bytes. */
const longestId = 800

/** A row on its way, and where it came from. */
export interface PendingRow {
  readonly row: Row
  readonly id: string
  readonly envelope: Envelope
  /** Key of the staging file. */
  readonly file: string
  /** The rows that this one was folded of, oldest first. */
  readonly folded?: readonly PendingRow[]
}

/** How the events of a staging file become rows. */
export interface RowsOfOptions {
  /** The same object for all events of a source: what is worked out once is kept with it. */
  readonly mapping: MapOptions
  /** Key of the staging file. */
  readonly file: string
  readonly privacy?: PrivacyRules | undefined
}

/**
 * Makes the rows of an event, or the dead letter that it becomes when it has none.
 *
 * The warehouse's privacy rules come first, unless its transforms have run after them. The envelope stays as it is, and so does the event of a dead letter: when it is
 * replayed, the rules come first again.
 */
export function rowsOf(
  envelope: Envelope,
  { mapping, file, privacy }: RowsOfOptions,
): readonly PendingRow[] | NewDeadLetter {
  const { header, text } = envelope
  try {
    // Parsed by itself: what the envelope remembers would live as long as the rows.
    const event =
      privacy === undefined || header.transformed === true
        ? (JSON.parse(text) as Event)
        : privateEventOf(envelope, privacy)
    if (!isTimestamp(event.receivedAt)) event.receivedAt = header.receivedAt
    return mapEvent(event, mapping).map((row) => {
      const id = idOf(row)
      return { row: withId(row, id), id, envelope, file }
    })
  } catch (thrown) {
    return deadLetterOf(envelope, thrown)
  }
}

/** Makes the dead letter of an event that cannot be loaded; it holds the event as it was staged. */
export function deadLetterOf(envelope: Envelope, thrown: unknown): NewDeadLetter {
  const { id, key, source, receivedAt, transformed, users } = envelope.header
  return {
    stage: 'load',
    messageId: id,
    source,
    key,
    reason: reasonOf(thrown),
    code: thrown instanceof SluicewayError ? thrown.code : 'internal',
    receivedAt,
    event: envelope.text,
    ...(transformed === true ? { transformed } : {}),
    ...(users === undefined ? {} : { users }),
    attempts: [],
  }
}

function idOf(row: Row): string {
  const { table } = row
  // A rule that joins identities is its values, of any length: it is in no index.
  if (row.merge !== undefined) return JSON.stringify(row.values)
  const id = row.get('id') ?? row.get('ID')
  if (typeof id !== 'string' && typeof id !== 'number' && typeof id !== 'boolean')
    throw new SluicewayError('mapping_failed', `The row for "${table}" has no id`, { details: { table } })
  const text = storableText(String(id))
  if (text.length > longestId)
    throw new SluicewayError('mapping_failed', `The id for "${table}" is longer than ${longestId}`, {
      details: { table, length: text.length },
    })
  return text
}

/** The row with the id as all warehouses can hold it: by another one, what is there would not be found again. */
function withId(row: Row, id: string): Row {
  const position = Math.max(row.shape.positionOf('id'), row.shape.positionOf('ID'))
  const own = row.values[position]
  return typeof own !== 'string' || own === id ? row : row.with({ values: row.values.with(position, id) })
}

import type { EventType as SpecifiedType } from '../../core/event.ts'
import type { ColumnType } from '../../core/warehouse.ts'
import type { FlattenRules, Places } from './places.ts'
import type { Typing } from './types.ts'

/** The types of events that have rows: those of the specification, and the records that cloud sources copy. */
export type MappedEventType = SpecifiedType | 'extract'

/** An event whose messageId, receivedAt and context are filled in. */
export type Message = Readonly<Record<string, unknown>>

/** Everything that decides what the rows of the events of one type are. */
export interface MappingRules {
  readonly type: MappedEventType
  readonly rules: FlattenRules
  readonly places: Places
  readonly typing: Typing
  readonly sourceCategory: string | undefined
  readonly fullEvent: boolean
  readonly tracksTable: boolean
  readonly usersTable: boolean
  readonly contextTraits: boolean
  readonly mergeRules: boolean
}

/** One event, and everything that decides what its rows are. */
export interface MappingContext extends MappingRules {
  readonly message: Message
  readonly receivedAt: string
}

const STANDARD = [
  'id',
  'anonymous_id',
  'user_id',
  'sent_at',
  'timestamp',
  'received_at',
  'original_timestamp',
  'channel',
  'context_ip',
  'context_request_ip',
  'context_passed_ip',
]

/** The columns of each type of event that no property can fill. */
export const OWN_COLUMNS: Readonly<Record<MappedEventType, ReadonlySet<string>>> = {
  track: new Set([...STANDARD, 'event_text', 'record_id']),
  identify: new Set(STANDARD),
  page: new Set([...STANDARD, 'name']),
  screen: new Set([...STANDARD, 'name']),
  group: new Set([...STANDARD, 'group_id']),
  alias: new Set([...STANDARD, 'previous_id']),
  extract: new Set(['id', 'received_at', 'event']),
  merge: new Set(),
}

/** What no time could be read from, by where it is kept in the context: a text, also when it looks like a date. */
export const INVALID_TIMES = {
  context_invalid_timestamp: 'invalidTimestamp',
  context_invalid_original_timestamp: 'invalidOriginalTimestamp',
  context_invalid_sent_at: 'invalidSentAt',
} as const

const TIMES: ReadonlySet<string> = new Set(['sent_at', 'timestamp', 'received_at', 'original_timestamp'])

/** The types of the columns that only we fill, whatever their first value looks like; `event` is one where it has its name from us. */
export const OWN_TYPES = Object.fromEntries(
  Object.entries(OWN_COLUMNS).map(([type, columns]) => [
    type,
    Object.fromEntries(
      [...columns, ...Object.keys(INVALID_TIMES), ...(type === 'track' ? ['event'] : [])].map((column) => [
        column,
        TIMES.has(column) ? 'datetime' : 'string',
      ]),
    ),
  ]),
) as Readonly<Record<MappedEventType, Readonly<Record<string, ColumnType>>>>

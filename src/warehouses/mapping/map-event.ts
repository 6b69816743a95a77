import { SluicewayError } from '../../core/errors.ts'
import { perIsolate } from '../../core/per-isolate.ts'
import type { KeptNames } from '../../core/warehouse.ts'
import { EVENT_ROWS } from './event-rows.ts'
import { parseJsonPaths } from './json-paths.ts'
import type { MappedEventType, MappingContext, MappingRules, Message } from './mapping-context.ts'
import { OWN_COLUMNS } from './mapping-context.ts'
import { namesFor } from './names.ts'
import { type Provider, type ProviderName, PROVIDERS } from './providers.ts'
import { narrowRow } from './narrow-row.ts'
import { Places } from './places.ts'
import type { Row } from './row.ts'
import { isBlank, isObject, toTimestamp } from './types.ts'

/** How events become rows for one warehouse. */
export interface MapOptions {
  readonly provider: ProviderName
  /** Adds the column `rudder_event`, which holds the whole event as JSON text. */
  readonly storeFullEvent?: boolean
  /** Paths whose values are kept as JSON text (`track.properties.cart`); must not change once it is used. */
  readonly jsonPaths?: readonly string[]
  readonly skipTracksTable?: boolean
  readonly skipUsersTable?: boolean
  /** Names split words between letters and digits: `v2` becomes `v_2`. */
  readonly underscoreDivideNumbers?: boolean
  /** Adds `context.traits` to the rows of identify events, without a prefix. */
  readonly allowUsersContextTraits?: boolean
  /** Adds rows for identity resolution; Snowflake and BigQuery only. */
  readonly resolveIdentities?: boolean
  /** Stores arrays as arrays; ClickHouse only. */
  readonly clickhouseArrays?: boolean
  /** Columns of a row; what is beyond goes into the column `overflow`. Default 200. */
  readonly maxColumns?: number | undefined
  /** Takes what is beyond `maxColumns` as JSON; without it such an event is refused. */
  readonly overflow?: string
  /** Whether a table has a column already, or gets it: its values stay there when a row is too wide. */
  readonly hasColumn?: (table: string, column: string) => boolean
  /** Names that the engine keeps for itself. */
  readonly kept?: KeptNames
  readonly sourceCategory?: string
  readonly sourceId?: string
  readonly sourceType?: string
  readonly destinationId?: string
  readonly destinationType?: string
  /** When the edge took the event: used when the event does not say so itself. */
  readonly receivedAt?: string
  /** The current time as ISO text: used when nothing else says when the event arrived. */
  readonly now: () => string
  /** A random UUID: becomes the id of an event that has none. */
  readonly uuid: () => string
}

const COLUMN_LIMIT = 200
/** What the context says about where the event came from and where it goes. */
const ORIGIN = ['sourceId', 'sourceType', 'destinationId', 'destinationType'] as const
const NO_OPTIONS: Message = {}
const NO_PATHS: readonly string[] = []

/**
 * Maps an event to the rows that a warehouse stores for it.
 *
 * A track gives `tracks` and a table of its own name; an identify gives `identifies` and `users`; the others one row each.
 * A row has at most `maxColumns` columns, except in lakes, and for the channel `sources` where there is no column for the rest.
 * https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/ (checked 2026-11-22)
 *
 * @param event An event as it was accepted; it is not changed.
 * @param options The warehouse, its settings, and where the event came from.
 * @returns The rows in the order in which they are to be loaded; none for a `merge` event without identity resolution.
 * @throws {SluicewayError} mapping_failed when the event has no rows: unknown type, name or id missing, nested too deeply.
 * @throws {SluicewayError} too_many_columns when a row has more columns than that, and there is no column for the rest.
 * @example mapEvent({ type: 'track', event: 'Order Completed', … }, { provider: 'postgres', now, uuid })
 */
export function mapEvent(event: object, options: MapOptions): readonly Row[] {
  const provider = PROVIDERS[options.provider]
  const message = complete(event as Message, options)
  const type = String(message['type']).toLowerCase()
  const details = { provider: provider.name, type }
  const rowsOf = EVENT_ROWS.get(type as MappedEventType)
  if (rowsOf === undefined) {
    throw new SluicewayError('mapping_failed', `Unknown event type: "${String(message['type'])}"`, { details })
  }
  let rows: readonly Row[]
  try {
    rows = rowsOf(mappingOf(message, type as MappedEventType, options))
  } catch (cause) {
    if (cause instanceof SluicewayError) throw cause
    throw new SluicewayError('mapping_failed', 'The event cannot be flattened.', { cause, details })
  }
  return provider.lake ? rows : rows.map((row) => narrow(row, provider, options))
}

/** The event with the fields that every row needs; the input stays as it is. */
function complete(event: Message, options: MapOptions): Message {
  const message: Record<string, unknown> = { ...event }
  if (isBlank(event['messageId'])) message['messageId'] = `auto-${options.uuid()}`
  if (!isTimestamp(event['receivedAt'])) {
    message['receivedAt'] = isTimestamp(options.receivedAt) ? options.receivedAt : options.now()
  }
  const origin = originOf(options)
  if (origin !== nowhere) message['context'] = isObject(event['context']) ? { ...event['context'], ...origin } : origin
  return message
}

const nowhere = {}
const originOf = perIsolate((options: MapOptions): Message => {
  const known = ORIGIN.filter((field) => options[field] !== undefined)
  return known.length === 0 ? nowhere : Object.fromEntries(known.map((field) => [field, options[field]]))
})

function mappingOf(message: Message, type: MappedEventType, options: MapOptions): MappingContext {
  const receivedAt = message['receivedAt'] as string
  const rules = hasOptions(message, options) ? rulesFor(message, type, options) : usualRulesFor(message, type, options)
  return { ...rules, message, receivedAt }
}

/** Whether the event itself says how it is mapped. */
function hasOptions(message: Message, options: MapOptions): boolean {
  const { integration } = PROVIDERS[options.provider]
  return [integration, 'DATA_WAREHOUSE'].some((name) => integrationOptions(message, name) !== NO_OPTIONS)
}

/** The rules of events that have no options of their own. */
function usualRulesFor(message: Message, type: MappedEventType, options: MapOptions): MappingRules {
  const usual = usualRulesOf(options)
  let rules = usual.get(type)
  if (rules === undefined || rules.places.isFull) usual.set(type, (rules = rulesFor(message, type, options)))
  return rules
}

const usualRulesOf = perIsolate((_: MapOptions) => new Map<MappedEventType, MappingRules>())

function rulesFor(message: Message, type: MappedEventType, options: MapOptions): MappingRules {
  const provider = PROVIDERS[options.provider]
  const own = integrationOptions(message, provider.integration)
  const names = namesFor({
    provider: provider.name,
    divideNumbers: options.underscoreDivideNumbers === true,
    blendo: own['useBlendoCasing'] === true,
    keepReserved: own['skipReservedKeywordsEscaping'] === true,
    kept: options.kept,
  })
  const rules = {
    provider,
    names,
    paths: parseJsonPaths(jsonPathsOf(message, provider, options)),
    legacyPaths: type === 'track',
    ownColumns: OWN_COLUMNS[type],
    shallow: options.sourceCategory === 'cloud',
  }
  return {
    type,
    rules,
    places: new Places(rules),
    typing: { provider, arrays: options.clickhouseArrays === true },
    sourceCategory: options.sourceCategory,
    fullEvent: options.storeFullEvent === true,
    tracksTable: options.skipTracksTable !== true && own['skipTracksTable'] !== true,
    usersTable: provider.usersTable && options.skipUsersTable !== true && own['skipUsersTable'] !== true,
    contextTraits: options.allowUsersContextTraits === true,
    mergeRules: provider.mergeRules && options.resolveIdentities === true,
  }
}

function jsonPathsOf(message: Message, provider: Provider, options: MapOptions): readonly string[] {
  const settings = provider.settingsJsonPaths ? (options.jsonPaths ?? NO_PATHS) : NO_PATHS
  const shared = provider.sharedJsonPaths ? integrationOptions(message, 'DATA_WAREHOUSE')['jsonPaths'] : undefined
  const own = integrationOptions(message, provider.integration)['jsonPaths']
  if (!Array.isArray(shared) && !Array.isArray(own)) return settings
  return [...strings(shared), ...strings(own), ...settings]
}

const strings = (list: unknown): readonly string[] =>
  Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : NO_PATHS

// `integrations.POSTGRES: true` has no options; RudderStack fails the event there, which serves nobody.
function integrationOptions(message: Message, name: string): Message {
  const integrations = message['integrations']
  const integration = isObject(integrations) ? integrations[name] : undefined
  const options = isObject(integration) ? integration['options'] : undefined
  return isObject(options) ? options : NO_OPTIONS
}

/** Whether a value is a timestamp that a column takes. */
export const isTimestamp = (value: unknown): value is string =>
  typeof value === 'string' && toTimestamp(value) !== undefined

function narrow(row: Row, provider: Provider, options: MapOptions): Row {
  const limit = options.maxColumns ?? COLUMN_LIMIT
  const columns = row.values.length
  if (columns <= limit) return row
  if (options.overflow !== undefined)
    return narrowRow(row, limit, options.overflow, (column) => options.hasColumn?.(row.table, column) === true)
  if (row.get(provider.upperCase ? 'CHANNEL' : 'channel') === 'sources') return row
  throw new SluicewayError(
    'too_many_columns',
    `${provider.name} transformer: Too many columns outputted from the event`,
    { details: { provider: provider.name, table: row.table, columns, limit } },
  )
}

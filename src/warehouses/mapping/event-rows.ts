import { SluicewayError } from '../../core/errors.ts'
import { flatten } from './flatten.ts'
import { INVALID_TIMES, type MappedEventType, type MappingContext, OWN_TYPES } from './mapping-context.ts'
import { mergeCells } from './merge-rule.ts'
import { OWN_COLUMN, Row, RowDraft } from './row.ts'
import { isBlank, isObject, toTimestamp, typeOf } from './types.ts'

/** How each type of event becomes rows. */
export const EVENT_ROWS: ReadonlyMap<MappedEventType, (mapping: MappingContext) => readonly Row[]> = new Map([
  ['track', trackRows],
  ['identify', identifyRows],
  ['page', viewRows],
  ['screen', viewRows],
  ['group', groupRows],
  ['alias', aliasRows],
  ['extract', extractRows],
  ['merge', mergeRows],
] as const)

const ROOT_DEPTH = 2
const INVALID_TIME_FIELDS = Object.entries(INVALID_TIMES)
const RECORD_SOURCES: ReadonlySet<string | undefined> = new Set(['cloud', 'singer-protocol'])
const NO_TABLE = 'the name of the event has no letter or digit of ASCII, so that it has no table of its own'
const NO_RECORD_ID = 'recordId cannot be empty for cloud sources events'

function trackRows(mapping: MappingContext): readonly Row[] {
  const { message, rules } = mapping
  const { names } = rules
  const common = new RowDraft(mapping.typing)
  flattenContext(mapping, common)
  common.putScalar(names.fixed('event_text'), message['event'])
  putStandard(mapping, common)
  const event = names.eventValue(textOf(common.get(names.fixed('event_text')), mapping))
  common.set(names.fixed('event'), event, 'string')

  const own = new RowDraft(mapping.typing)
  flattenField(mapping, 'properties', own)
  flattenField(mapping, 'userProperties', own)
  if (isBlank(event)) {
    if (!mapping.tracksTable) throw failure(NO_TABLE, mapping)
    own.shape.names.forEach((column, i) => common.drop({ column, value: own.values[i], reason: NO_TABLE }))
    for (const dropped of own.dropped ?? []) common.drop(dropped)
    return [tracksRow(mapping, common)]
  }
  const table = eventRow(mapping, { own, common, table: names.eventTable(event) })
  const tracks = mapping.tracksTable ? [tracksRow(mapping, common)] : []
  return [...tracks, table, ...mergeRows(mapping)]
}

function tracksRow(mapping: MappingContext, common: RowDraft): Row {
  if (isRecord(mapping) && !isBlank(mapping.message['recordId'])) {
    common.set(mapping.rules.names.fixed('record_id'), String(mapping.message['recordId']), 'string')
  }
  putFullEvent(mapping, common)
  return rowOf(mapping, { table: mapping.rules.names.fixed('tracks'), draft: common })
}

function eventRow(
  mapping: MappingContext,
  { own, common, table }: { readonly own: RowDraft; readonly common: RowDraft; readonly table: string },
): Row {
  const row = new RowDraft(mapping.typing, own, common)
  // The row of tracks says what is lost of what both have.
  if (!mapping.tracksTable) for (const dropped of common.dropped ?? []) row.drop(dropped)
  if (isRecord(mapping)) putRecordId(mapping, row)
  return rowOf(mapping, { table, draft: row })
}

function identifyRows(mapping: MappingContext): readonly Row[] {
  const { message, rules } = mapping
  const common = new RowDraft(mapping.typing)
  flattenField(mapping, 'userProperties', common)
  if (mapping.contextTraits) {
    const place = mapping.places.root('identify_context_traits_', '', ROOT_DEPTH + 1)
    flatten(contextOf(mapping)['traits'], place, common)
  }
  flattenField(mapping, 'traits', common)
  flattenContext(mapping, common)

  const identify = new RowDraft(mapping.typing, common)
  putStandard(mapping, identify)
  putFullEvent(mapping, identify)
  const rows = [rowOf(mapping, { table: rules.names.fixed('identifies'), draft: identify }), ...mergeRows(mapping)]
  if (mapping.usersTable && !isBlank(message['userId'])) rows.push(usersRow(mapping, common))
  return rows
}

function usersRow(mapping: MappingContext, common: RowDraft): Row {
  const { message, rules, receivedAt } = mapping
  const { names } = rules
  const users = new RowDraft(mapping.typing, common)
  putAddresses(mapping, users)
  if (!rules.provider.lake) {
    users.putScalar(names.fixed('sent_at'), message['sentAt'])
    users.putScalar(names.fixed('timestamp'), message['timestamp'])
    users.putScalar(names.fixed('original_timestamp'), message['originalTimestamp'])
  }
  users.set(names.fixed('id'), message['userId'], typeOf(message['userId'], mapping.typing))
  users.set(names.fixed('received_at'), toTimestamp(receivedAt) ?? receivedAt, 'datetime')
  // The row of identifies says what was dropped.
  users.dropped = undefined
  return rowOf(mapping, { table: names.fixed('users'), draft: users })
}

function viewRows(mapping: MappingContext): readonly Row[] {
  const { message } = mapping
  const properties = isObject(message['properties']) ? message['properties'] : {}
  const name = isBlank(message['name']) ? properties['name'] : message['name']
  return oneRow(mapping, { table: `${mapping.type}s`, field: 'properties', column: 'name', value: name })
}

function groupRows(mapping: MappingContext): readonly Row[] {
  return oneRow(mapping, { table: 'groups', field: 'traits', column: 'group_id', value: mapping.message['groupId'] })
}

function aliasRows(mapping: MappingContext): readonly Row[] {
  const value = mapping.message['previousId']
  return oneRow(mapping, { table: 'aliases', field: 'traits', column: 'previous_id', value })
}

interface OneRow {
  readonly table: string
  readonly field: 'properties' | 'traits'
  /** The column that only this type of event has. */
  readonly column: string
  readonly value: unknown
}

function oneRow(mapping: MappingContext, { table, field, column, value }: OneRow): readonly Row[] {
  const { names } = mapping.rules
  const row = new RowDraft(mapping.typing)
  flattenField(mapping, field, row)
  flattenContext(mapping, row)
  putStandard(mapping, row)
  row.putScalar(names.fixed(column), value)
  putFullEvent(mapping, row)
  return [rowOf(mapping, { table: names.fixed(table), draft: row }), ...mergeRows(mapping)]
}

function extractRows(mapping: MappingContext): readonly Row[] {
  const { message, rules } = mapping
  const { names } = rules
  const own = new RowDraft(mapping.typing)
  flattenField(mapping, 'properties', own)
  const common = new RowDraft(mapping.typing)
  flattenContext(mapping, common)
  if (isMissing(message['recordId'])) throw failure(NO_RECORD_ID, mapping)
  common.putScalar(names.fixed('id'), message['recordId'])
  common.putScalar(names.fixed('received_at'), message['receivedAt'])
  common.putScalar(names.fixed('event'), message['event'])
  const row = new RowDraft(mapping.typing, own, common)
  const event = textOf(common.get(names.fixed('event')), mapping)
  if (event === '') {
    throw failure('cannot create event table with empty event name, event name is missing in the payload', mapping)
  }
  return [rowOf(mapping, { table: names.eventTable(event), draft: row })]
}

function mergeRows(mapping: MappingContext): readonly Row[] {
  if (!mapping.mergeRules) return []
  const cells = mergeCells(mapping.message, mapping.rules.names)
  return cells === undefined ? [] : [new Row({ ...cells, receivedAt: mapping.receivedAt, ownTypes: OWN_TYPES.merge })]
}

function rowOf(mapping: MappingContext, { table, draft }: { table: string; draft: RowDraft }): Row {
  const { names, provider } = mapping.rules
  for (const column of provider.stampColumns) draft.stamp(names.fixed(column))
  const { shape, values, texts } = draft
  const dropped = draft.lost()
  const { receivedAt, type } = mapping
  return new Row({ table, shape, values, texts, dropped, receivedAt, ownTypes: OWN_TYPES[type] })
}

function flattenField(
  mapping: MappingContext,
  field: 'properties' | 'userProperties' | 'traits',
  into: RowDraft,
): void {
  const input = mapping.message[field]
  if (input !== undefined) flatten(input, mapping.places.root(`${mapping.type}_${field}_`, '', ROOT_DEPTH), into)
}

function flattenContext(mapping: MappingContext, into: RowDraft): void {
  const place = mapping.places.root(`${mapping.type}_context_`, 'context_', ROOT_DEPTH)
  flatten(mapping.message['context'], place, into)
}

function putStandard(mapping: MappingContext, row: RowDraft): void {
  const { message } = mapping
  const { names } = mapping.rules
  row.putScalar(names.fixed('id'), message['messageId'])
  row.putScalar(names.fixed('anonymous_id'), message['anonymousId'])
  row.putScalar(names.fixed('user_id'), message['userId'])
  row.putScalar(names.fixed('sent_at'), message['sentAt'])
  row.putScalar(names.fixed('timestamp'), message['timestamp'])
  row.putScalar(names.fixed('received_at'), message['receivedAt'])
  row.putScalar(names.fixed('original_timestamp'), message['originalTimestamp'])
  row.putScalar(names.fixed('channel'), message['channel'])
  putAddresses(mapping, row)
  const context = contextOf(mapping)
  for (const [column, field] of INVALID_TIME_FIELDS)
    if (typeof context[field] === 'string') row.putScalar(names.fixed(column), context[field])
}

function putAddresses(mapping: MappingContext, row: RowDraft): void {
  const { names } = mapping.rules
  const passed = contextOf(mapping)['ip']
  const requested = mapping.message['request_ip']
  row.putScalar(names.fixed('context_ip'), isBlank(passed) ? requested : passed)
  row.putScalar(names.fixed('context_request_ip'), requested)
  row.putScalar(names.fixed('context_passed_ip'), passed)
}

function putFullEvent(mapping: MappingContext, row: RowDraft): void {
  if (!mapping.fullEvent) return
  const { names, provider } = mapping.rules
  const column = names.fixed('rudder_event')
  const before = row.set(column, JSON.stringify(mapping.message), provider.fullEvent)
  if (before !== undefined) row.drop({ column, value: before, reason: OWN_COLUMN })
}

function putRecordId(mapping: MappingContext, row: RowDraft): void {
  const recordId = mapping.message['recordId']
  if (isMissing(recordId)) throw failure(NO_RECORD_ID, mapping)
  row.set(mapping.rules.names.fixed('id'), recordId, typeOf(recordId, mapping.typing))
}

/** Whether a track is a record that a cloud source copied, which has an id of its own. */
function isRecord({ message, sourceCategory }: MappingContext): boolean {
  if (message['type'] !== 'track' || !RECORD_SOURCES.has(sourceCategory)) return false
  const context = message['context']
  const sources = isObject(context) ? context['sources'] : undefined
  return isObject(sources) && !isBlank(sources['version'])
}

const contextOf = ({ message }: MappingContext): Readonly<Record<string, unknown>> =>
  isObject(message['context']) ? message['context'] : {}

const isMissing = (value: unknown): boolean => isBlank(value) || typeof value === 'object'

function textOf(event: unknown, mapping: MappingContext): string {
  if (event === undefined) return ''
  if (typeof event !== 'string') throw failure('The name of the event must be a string.', mapping)
  return event
}

const failure = (message: string, { type, rules }: MappingContext): SluicewayError =>
  new SluicewayError('mapping_failed', message, { details: { type, provider: rules.provider.name } })

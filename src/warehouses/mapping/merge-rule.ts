import { SluicewayError } from '../../core/errors.ts'
import type { NameWriter } from './names.ts'
import type { MergeRule } from './row.ts'
import type { MappedColumnType } from './types.ts'
import { isBlank, isObject } from './types.ts'

interface StatedIdentity {
  readonly type: unknown
  readonly value: unknown
}

/** What a row of the table of merge rules is made of. */
export interface MergeCells {
  readonly table: string
  readonly columns: Readonly<Record<string, MappedColumnType>>
  readonly data: Readonly<Record<string, unknown>>
  readonly merge: MergeRule
}

/**
 * Makes the row that says which identities of an event are one person.
 *
 * @param event The event; its type is compared in lower case.
 * @param names How names are written.
 * @returns The row's parts, with one identity when the other is blank; `undefined` when the first is blank.
 * @throws {SluicewayError} mapping_failed when a `merge` event lacks one of its two identities.
 * @example mergeCells({ type: 'alias', userId: 'ada', previousId: 'a-1' }, names)
 */
export function mergeCells(event: Readonly<Record<string, unknown>>, names: NameWriter): MergeCells | undefined {
  const [one, two] = identitiesOf(event)
  if (one === undefined || isBlank(one.value)) return undefined
  const columns: Record<string, MappedColumnType> = {}
  const data: Record<string, unknown> = {}
  const put = (name: string, value: unknown): void => {
    const column = names.fixed(name)
    columns[column] = 'string'
    data[column] = value
  }
  const table = names.fixed('rudder_identity_merge_rules')
  put('merge_property_1_type', one.type)
  put('merge_property_1_value', one.value)
  if (two === undefined || isBlank(two.value)) return { table, columns, data, merge: { one: one.value } }
  put('merge_property_2_type', two.type)
  put('merge_property_2_value', two.value)
  return { table, columns, data, merge: { one: one.value, two: two.value } }
}

function identitiesOf(event: Readonly<Record<string, unknown>>): readonly StatedIdentity[] {
  const user = { type: 'user_id', value: event['userId'] }
  switch (String(event['type']).toLowerCase()) {
    case 'merge':
      return statedIdentities(event['mergeProperties'])
    case 'alias':
      return [user, { type: 'user_id', value: event['previousId'] }]
    default:
      return isBlank(event['anonymousId']) ? [user] : [{ type: 'anonymous_id', value: event['anonymousId'] }, user]
  }
}

function statedIdentities(stated: unknown): readonly StatedIdentity[] {
  const [one, two]: readonly unknown[] = Array.isArray(stated) ? stated : []
  if (!isObject(one) || !isObject(two)) {
    throw new SluicewayError('mapping_failed', 'either or both identifiers missing in mergeProperties')
  }
  const identities = [one, two].map(({ type, value }) => ({ type, value }))
  if (identities.some(({ type, value }) => isBlank(type) || isBlank(value))) {
    throw new SluicewayError('mapping_failed', 'mergeProperties contains null values for expected inputs')
  }
  return identities
}

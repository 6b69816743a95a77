import { SluicewayError } from '../../core/errors.ts'
import type { NameWriter } from './names.ts'
import type { MergeRule } from './row.ts'
import { Shape } from './shape.ts'
import { isBlank, isObject } from './types.ts'

interface StatedIdentity {
  readonly type: unknown
  readonly value: unknown
}

/** What a row of the table of merge rules is made of. */
export interface MergeCells {
  readonly table: string
  readonly shape: Shape
  readonly values: readonly unknown[]
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
  const cells = (...of: readonly [name: string, value: unknown][]) => {
    let shape = Shape.empty
    for (const [name] of of) shape = shape.with(names.fixed(name), 'string').to
    // The columns are texts, and an id may be a number.
    return { shape, values: of.map(([, value]) => (typeof value === 'number' ? String(value) : value)) }
  }
  const table = names.fixed('rudder_identity_merge_rules')
  const first = [
    ['merge_property_1_type', one.type],
    ['merge_property_1_value', one.value],
  ] as [string, unknown][]
  if (two === undefined || isBlank(two.value)) return { table, ...cells(...first), merge: { one: one.value } }
  const second = [
    ['merge_property_2_type', two.type],
    ['merge_property_2_value', two.value],
  ] as [string, unknown][]
  return { table, ...cells(...first, ...second), merge: { one: one.value, two: two.value } }
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

import door from './core.cjs'
import type { ActionDefinition, Definition, FieldDefinition } from './definition.ts'
import { isObject, type Json } from './json.ts'
import type { Schema } from './validate-fields.ts'

/** What is sent when; what is left out comes from the action's own defaults. */
export interface Mapping {
  /** The action's name; the name of the mapping where it is left out. */
  readonly action?: string
  /** When it is sent, in Segment's FQL: `type = "track" and event = "Order Completed"`. */
  readonly when?: string
  /** Fields of the action: values, or directives such as `{ '@path': '$.properties.email' }`. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Whether events share requests, where the action can do so; the mapping's `enable_batching` where it is left out. */
  readonly batch?: boolean
}

/** Mappings by their names; true for the trigger and the fields that an action has by default. */
export type Mappings = Readonly<Record<string, Mapping | true>>

/** A mapping, ready to be used. */
export interface Subscription {
  readonly key: string
  /** Its trigger, as it is written. */
  readonly when: string
  readonly fql: object
  readonly action: ActionDefinition
  readonly mapping: Json
  readonly schema: Schema | undefined
  readonly batch: boolean
  /** The most events that one request carries. */
  readonly most: number
}

/** The most that a request carries where the mapping does not say. */
const mostInBatch = 1_000
const syncModeField = '__segment_internal_sync_mode'

interface Wanted {
  readonly key: string
  readonly action: string
  readonly when: string | undefined
  readonly mapping: Json
  readonly batch?: boolean | undefined
}

/**
 * Makes a destination's subscriptions of mappings, or of its automatic presets where there are none.
 *
 * @param definition of the library
 * @param mappings as a user wrote them; anything, where that is wrong
 * @returns the subscriptions in order, and what is wrong, one sentence each
 */
export function subscriptionsOf(
  definition: Definition,
  mappings: unknown,
): { readonly subscriptions: readonly Subscription[]; readonly problems: readonly string[] } {
  const problems: string[] = []
  const wanted = mappings === undefined ? presetsOf(definition, problems) : writtenOf(definition, mappings, problems)
  const subscriptions = wanted.flatMap((one): Subscription[] => {
    const action = definition.actions[one.action] as ActionDefinition
    if (one.when === undefined) {
      problems.push(`"mappings.${one.key}" needs "when": the action has no trigger of its own`)
      return []
    }
    const fql = door.fql.parseFql(one.when)
    if ('error' in fql && fql.error !== undefined) {
      problems.push(`"mappings.${one.key}" has a "when" that cannot be read: ${fql.error.message}`)
      return []
    }
    problems.push(...directiveProblems(one))
    const mode = action.syncMode?.default
    const mapping = mode === undefined ? one.mapping : { [syncModeField]: mode, ...one.mapping }
    const { fields = {} } = action
    const isEmpty = Object.keys(fields).length === 0
    return [
      {
        key: one.key,
        when: one.when,
        fql,
        action,
        mapping,
        schema: isEmpty ? undefined : (door.core.fieldsToJsonSchema(fields as never) as Schema),
        batch: action.performBatch !== undefined && (one.batch ?? mapping['enable_batching'] === true),
        most: Number(mapping['batch_size']) || mostInBatch,
      },
    ]
  })
  return { subscriptions, problems }
}

/** What the library would say of a mapping at every event: directives that there are not, or that are written otherwise. */
function directiveProblems({ key, mapping }: Wanted): string[] {
  try {
    door.core.transform(mapping as never, {})
    return []
  } catch (error) {
    // What an event without fields does to a directive is no fault of the mapping.
    const found = Symbol.iterator in (error as object) ? [...(error as Iterable<Error>)] : []
    return found.map(({ message }) => `"mappings.${key}": ${message.replace(/^\//, '')}`)
  }
}

function presetsOf({ name, presets = [], actions }: Definition, problems: string[]): Wanted[] {
  const wanted = presets
    // Some lists name actions that only a browser has.
    .filter(({ type, partnerAction }) => type === 'automatic' && actions[partnerAction] !== undefined)
    .map((preset) => ({
      key: preset.name ?? preset.partnerAction,
      action: preset.partnerAction,
      when: preset.subscribe,
      mapping: preset.mapping ?? {},
    }))
  if (wanted.length === 0)
    problems.push(
      `"mappings" is missing: ${name} has no mappings that are used without being named; it has the actions ${namesOf(actions)}`,
    )
  const seen = new Map<string, number>()
  return wanted.map((one) => {
    const count = (seen.get(one.key) ?? 0) + 1
    seen.set(one.key, count)
    return count === 1 ? one : { ...one, key: `${one.key} ${count}` }
  })
}

const namesOf = (actions: object): string => Object.keys(actions).join(', ')
const known = ['action', 'when', 'fields', 'batch']

function writtenOf({ actions }: Definition, mappings: unknown, problems: string[]): Wanted[] {
  if (!isObject(mappings)) {
    problems.push('"mappings" must be an object, e.g. { upsertProfile: true }')
    return []
  }
  const entries = Object.entries(mappings)
  if (entries.length === 0) problems.push(`"mappings" is empty; there are the actions ${namesOf(actions)}`)
  return entries.flatMap(([key, given]): Wanted[] => {
    const complain = (what: string) => {
      problems.push(`"mappings.${key}" ${what}`)
      return []
    }
    if (given !== true && !isObject(given)) return complain('must be true, or an object such as { when, fields }')
    const { action = key, when, fields, batch } = (given === true ? {} : given) as Json
    const stranger = Object.keys(given === true ? {} : given).find((name) => !known.includes(name))
    if (stranger !== undefined) return complain(`has "${stranger}"; there are: ${known.join(', ')}`)
    const definition = typeof action === 'string' ? actions[action] : undefined
    if (definition === undefined) return complain(`names no action; there are: ${namesOf(actions)}`)
    if (when !== undefined && typeof when !== 'string') return complain('must have a text as "when"')
    // Some of the library's own triggers are so, too, and mean what Segment makes of them.
    if (when !== undefined && /==|&&|\|\|/.test(when.replaceAll(/"[^"]*"|'[^']*'/g, '')))
      return complain('has a "when" with == or && or ||: FQL has =, "and" and "or"')
    if (fields !== undefined && !isObject(fields)) return complain('must have an object as "fields"')
    if (batch !== undefined && typeof batch !== 'boolean') return complain('must have true or false as "batch"')
    const unknown = Object.keys(fields ?? {}).find((name) => !isField(definition, name))
    if (unknown !== undefined)
      return complain(`has the field "${unknown}"; there are: ${namesOf(definition.fields ?? {})}`)
    const mapping = { ...defaultMappingOf(definition.fields), ...fields }
    return [{ key, action: action as string, when: when ?? definition.defaultSubscription, mapping, batch }]
  })
}

/** Beside its fields, a mapping holds what hooks gave, and Segment's own. */
const isField = ({ fields = {}, hooks = {} }: ActionDefinition, name: string): boolean =>
  name in fields ||
  name in hooks ||
  /^__segment_internal_|^(enable_batching|batch_size|batch_bytes|batch_keys)$/.test(name)

/** Defaults of all fields; a required object without a default has those of its members. */
export function defaultMappingOf(fields: Readonly<Record<string, FieldDefinition>> = {}): Json {
  const mapping = door.core.defaultValues(fields as never) as Json
  for (const [name, { required, type, properties, multiple }] of Object.entries(fields)) {
    const isWhole = mapping[name] !== undefined || required !== true || type !== 'object' || multiple === true
    if (isWhole || properties === undefined) continue
    const members = door.core.defaultValues(properties as never) as Json
    if (Object.keys(members).length > 0) mapping[name] = members
  }
  return mapping
}

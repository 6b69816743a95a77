import * as v from 'valibot'
import type { Event } from '../core/event.ts'
import { isRecord, idText } from '../core/json.ts'

/** Why an event cannot be accepted: a stable word and a sentence. */
export interface ValidationError {
  readonly code: 'not_an_object' | 'no_identity' | 'invalid_event' | 'too_deep' | 'event_too_large'
  readonly reason: string
}

/** Levels of objects and arrays in one event, itself included. */
export const maxDepth = 100
const scalar = v.nullish(v.union([v.string(), v.number(), v.boolean()], 'must be text, a number or a boolean'))
const record = v.nullish(v.custom<Record<string, unknown>>(isRecord, 'must be an object'))

/** What the event specification says about an event's fields; null counts as absent, because Python SDKs send it. */
export const eventSchema = v.looseObject({
  type: v.pipe(v.string('must be text'), v.nonEmpty('must not be empty')),
  anonymousId: scalar,
  userId: scalar,
  groupId: scalar,
  previousId: scalar,
  context: record,
  traits: record,
  properties: record,
})

/** True only for what `eventSchema` takes; it costs a twentieth, and the schema decides about the rest. */
function passesFastPath(event: Record<string, unknown>): boolean {
  const { type, anonymousId, userId, groupId, previousId, context, traits, properties } = event
  return (
    typeof type === 'string' &&
    type !== '' &&
    isTextOrMissing(anonymousId) &&
    isTextOrMissing(userId) &&
    isTextOrMissing(groupId) &&
    isTextOrMissing(previousId) &&
    (context === undefined || isRecord(context)) &&
    (traits === undefined || isRecord(traits)) &&
    (properties === undefined || isRecord(properties))
  )
}

const isTextOrMissing = (value: unknown): boolean => value === undefined || typeof value === 'string'

/**
 * Says what is wrong with the shape of an event.
 *
 * @param event any object
 * @returns the first fault, or undefined when all is well
 */
export function validateShape(event: Record<string, unknown>): ValidationError | undefined {
  if (passesFastPath(event)) return undefined
  const { issues } = v.safeParse(eventSchema, event, { abortEarly: true })
  const issue = issues?.[0]
  if (issue === undefined) return undefined
  const field = v.getDotPath(issue) ?? 'event'
  const message = event[field] === undefined ? 'is missing' : issue.message
  return { code: 'invalid_event', reason: `${field} ${message}` }
}

/**
 * Checks one value that was sent as an event, and takes `__proto__` keys out of it.
 *
 * @param value parsed JSON
 * @returns the first fault, or undefined when `value` is an `Event`, though one whose fields are not filled in yet
 */
export function validateEvent(value: unknown): ValidationError | undefined {
  if (!isRecord(value)) return { code: 'not_an_object', reason: 'event is not a valid rudder event' }
  const fault = validateShape(value)
  if (fault !== undefined) return fault
  if (idText(value['anonymousId']) === '' && idText(value['userId']) === '')
    return { code: 'no_identity', reason: 'request neither has anonymousId nor userId' }
  if (!removeProtoKeys(value, maxDepth))
    return { code: 'too_deep', reason: `event is nested deeper than ${maxDepth} levels; deeper ones were cut off` }
  return undefined
}

/**
 * Removes own `__proto__` keys, and `constructor.prototype`: a careless merge in a transform would reach prototypes by them.
 *
 * @returns false when there are more than `levels` levels; it stops there
 */
export function removeProtoKeys(value: object, levels: number): boolean {
  if (levels === 0) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const one: unknown = value[i]
      if (typeof one === 'object' && one !== null && !removeProtoKeys(one, levels - 1)) return false
    }
    return true
  }
  const fields = value as Record<string, unknown>
  for (const key in fields) {
    if (key === '__proto__') {
      delete fields[key]
      continue
    }
    const one = fields[key]
    if (typeof one !== 'object' || one === null) continue
    if (key === 'constructor' && Object.hasOwn(one, 'prototype')) delete (one as { prototype?: unknown }).prototype
    if (!removeProtoKeys(one, levels - 1)) return false
  }
  return true
}

/** Copies the first `levels` levels of a value; what lies deeper becomes a note. */
export function truncateDepth(value: unknown, levels: number = maxDepth): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (levels === 0) return '[cut off]'
  if (Array.isArray(value)) return value.map((one) => truncateDepth(one, levels - 1))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, truncateDepth(one, levels - 1)]))
}

/** The ordering key: the anonymousId, else the userId, so that it stays when a visitor logs in. */
export const keyOf = (event: Event): string => event.anonymousId || event.userId || ''

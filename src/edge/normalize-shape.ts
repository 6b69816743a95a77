import { isRecord } from '../core/json.ts'

/** Fields of an event, and of its context, that the event specification has as objects. */
const objects = ['properties', 'traits', 'context', 'integrations'] as const
const contextObjects = [
  'traits',
  'page',
  'library',
  'device',
  'os',
  'app',
  'network',
  'screen',
  'campaign',
  'referrer',
  'location',
  'geo',
  'browser',
  'consent',
  'consentManagement',
] as const

const types = new Set(['identify', 'track', 'page', 'screen', 'group', 'alias', 'merge'])

/**
 * Puts right, in place, what is meant well and would be refused: a type of the event specification in capitals or with blanks,
 * and an empty list where an object belongs, which is how PHP writes an object without members.
 *
 * @param event any object
 */
export function normalizeShape(event: Record<string, unknown>): void {
  const { type, context } = event
  if (typeof type === 'string' && !types.has(type)) {
    const known = type.trim().toLowerCase()
    if (types.has(known)) event['type'] = known
  }
  for (const field of objects) if (isEmptyList(event[field])) event[field] = {}
  if (isRecord(context)) for (const field of contextObjects) if (isEmptyList(context[field])) context[field] = {}
}

/** True for `[]`. */
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

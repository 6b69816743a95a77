import { isRecord } from '../../core/json.ts'

/**
 * Puts the keys of a result in the order that they had in the event: dicts of MicroPython keep none. Keys that the event did not have
 * follow.
 *
 * @param result what a function returned: an event, a list of events, or anything else
 * @param given the event that it was called with, or the events
 */
export function resultInOrder(result: unknown, given: unknown): unknown {
  if (!Array.isArray(given))
    return Array.isArray(result) ? result.map((one) => inOrderOf(one, given)) : inOrderOf(result, given)
  if (!Array.isArray(result)) return result
  const byId = new Map(given.map((event: unknown) => [idOf(event), event]))
  return result.map((one) => inOrderOf(one, byId.get(idOf(one))))
}

const idOf = (event: unknown): unknown => (isRecord(event) ? event['messageId'] : undefined)

function inOrderOf(value: unknown, model: unknown): unknown {
  if (Array.isArray(value))
    return Array.isArray(model) ? value.map((one, i) => inOrderOf(one, (model as unknown[])[i])) : (value as unknown)
  if (!isRecord(value) || !isRecord(model)) return value
  const made: Record<string, unknown> = {}
  for (const key of Object.keys(model)) if (Object.hasOwn(value, key)) put(made, key, inOrderOf(value[key], model[key]))
  for (const key of Object.keys(value)) if (!Object.hasOwn(model, key)) put(made, key, value[key])
  return made
}

/** An assignment to this key would set the prototype, and no event may have it. */
function put(made: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') made[key] = value
}

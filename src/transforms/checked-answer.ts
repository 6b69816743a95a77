import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import type { TransformAnswer } from '../core/transform.ts'
import { longestError, withoutPrototypeKeys } from './step.ts'

const unsaid = 'the isolate did not say what became of this event'
const noEvent = 'the isolate answered with what is no event'

/**
 * Checks what an isolate answered. The code in it can reach what makes the answer, and change it: whatever it says, every input is
 * an event, dropped, or failed.
 *
 * @param answer anything; JSON of a `WireAnswer` where nobody changed it
 * @param inputs how many events the batch had
 * @returns an answer that can be relied on: of each input at most one failure; what is no event has failed
 */
export function checkedAnswer(answer: unknown, inputs: number): TransformAnswer {
  const given = parsed(answer)
  const isPlace = (place: unknown): place is number =>
    Number.isInteger(place) && Number(place) >= 0 && Number(place) < inputs
  const failures = new Map<number, TransformAnswer['failed'][number]>()
  const fail = (from: number, message: string, stack = message) => {
    if (!failures.has(from)) failures.set(from, { from, message, stack })
  }
  const events: { event: Event; text: string; from: number }[] = []
  /** By place of the input. */
  const isSeen: boolean[] = Array.from({ length: inputs }, () => false)
  const values = listOf(given['events'])
  const places = listOf(given['from'])
  for (let i = 0; i < values.length; i++) {
    const from = places[i]
    if (!isPlace(from)) continue
    const whole = wholeEvent(values[i])
    if (whole === undefined) fail(from, noEvent)
    else {
      events.push({ event: whole.event, text: whole.text, from })
      isSeen[from] = true
    }
  }
  for (const one of listOf(given['failed']))
    if (isRecord(one) && isPlace(one['from'])) fail(one['from'], textOf(one['message']), textOf(one['stack']))
  for (const from of failures.keys()) isSeen[from] = true
  const dropped = listOf(given['dropped']).filter((from): from is number => {
    if (!isPlace(from) || isSeen[from] === true) return false
    return (isSeen[from] = true)
  })
  for (const [from, isSaid] of isSeen.entries()) if (!isSaid) fail(from, unsaid)
  const logs = listOf(given['logs']).filter((line) => typeof line === 'string')
  return {
    events,
    dropped,
    failed: [...failures.values()],
    ...(given['logs'] === undefined ? {} : { logs }),
  }
}

/** What the text of an answer says. Of objects in place of a text nothing is looked at: they would be the isolate's own. */
function parsed(answer: unknown): Record<string, unknown> {
  try {
    const value: unknown = typeof answer === 'string' ? JSON.parse(answer) : undefined
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, longestError) : '')

/** The event, and the text that we write of it: theirs may have lines or escapes that hide something. */
function wholeEvent(event: unknown): { readonly event: Event; readonly text: string } | undefined {
  if (!isRecord(event) || typeof event['messageId'] !== 'string' || event['messageId'] === '') return undefined
  try {
    return withoutPrototypeKeys(event as unknown as Event, JSON.stringify(event))
  } catch {
    return undefined
  }
}

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
 * @param answer anything
 * @param inputs how many events the batch had
 * @returns an answer that can be relied on: of each input at most one failure; what is no event has failed
 */
export function checkedAnswer(answer: unknown, inputs: number): TransformAnswer {
  const given = isRecord(answer) ? answer : {}
  const isPlace = (place: unknown): place is number =>
    Number.isInteger(place) && Number(place) >= 0 && Number(place) < inputs
  const placed = (list: unknown) =>
    listOf(list).filter(
      (one): one is Record<string, unknown> & { from: number } => isRecord(one) && isPlace(one['from']),
    )
  const failures = new Map<number, TransformAnswer['failed'][number]>()
  const fail = (from: number, message: string, stack = message) => {
    if (!failures.has(from)) failures.set(from, { from, message, stack })
  }
  const events: { event: Event; text: string; from: number }[] = []
  const seen = new Set<number>()
  for (const { text, from } of placed(given['events'])) {
    const whole = wholeEvent(text)
    if (whole === undefined) fail(from, noEvent)
    else {
      events.push({ ...whole, from })
      seen.add(from)
    }
  }
  for (const { from, message, stack } of placed(given['failed'])) fail(from, textOf(message), textOf(stack))
  for (const from of failures.keys()) seen.add(from)
  const dropped = new Set(listOf(given['dropped']).filter((from): from is number => isPlace(from) && !seen.has(from)))
  for (let from = 0; from < inputs; from++) if (!seen.has(from) && !dropped.has(from)) fail(from, unsaid)
  const logs = listOf(given['logs']).filter((line) => typeof line === 'string')
  return {
    events,
    dropped: [...dropped],
    failed: [...failures.values()],
    ...(given['logs'] === undefined ? {} : { logs }),
  }
}

/** What is in a list; of one with holes, what is there: it may be as long as it likes. */
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? Object.values(value) : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, longestError) : '')

/** The event, and the text that we would write of it: theirs may have lines or escapes that hide something. */
function wholeEvent(text: unknown): { readonly event: Event; readonly text: string } | undefined {
  try {
    const event = JSON.parse(text as string) as unknown
    if (!isRecord(event) || typeof event['messageId'] !== 'string' || event['messageId'] === '') return undefined
    return withoutPrototypeKeys(event as unknown as Event, JSON.stringify(event))
  } catch {
    return undefined
  }
}

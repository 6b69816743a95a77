import type { Event } from '../core/event.ts'
import type { KnownMetadata, TransformBatch } from '../core/transform.ts'
import type { StepResult } from './step.ts'

/** A batch as the harness of an isolate reads it. */
export interface WireBatch {
  readonly events: readonly Event[]
  /** What is known of the events, each kind once. */
  readonly known: readonly KnownMetadata[]
  /** For each event its place in `known`; left out where all have the first. */
  readonly kinds?: readonly number[]
  readonly userCodeMs: number
  readonly mark: string
}

/** What the harness of an isolate answers. */
export interface WireAnswer {
  readonly events: readonly Event[]
  /** For each of `events` the place of the input. */
  readonly from: readonly number[]
  readonly dropped: readonly number[]
  readonly failed: readonly { readonly from: number; readonly message: string; readonly stack: string }[]
  readonly logs?: readonly string[]
}

/**
 * Writes a batch as one text: a call that passes objects takes several times as long, and the events are text already.
 *
 * @returns JSON of a `WireBatch`
 */
export function writeBatch({ texts, known, userCodeMs, mark }: TransformBatch): string {
  const distinct: KnownMetadata[] = []
  const kinds: number[] = []
  for (const one of known) {
    if (distinct.length === 0 || !isSame(one, distinct.at(-1) as KnownMetadata)) distinct.push(one)
    kinds.push(distinct.length - 1)
  }
  const rest = { known: distinct, ...(distinct.length > 1 ? { kinds } : {}), userCodeMs, mark }
  return `{"events":[${texts.join(',')}],${JSON.stringify(rest).slice(1)}`
}

/**
 * Writes an answer as one text.
 *
 * @param result of the step
 * @param rest what is said beside the events
 * @returns JSON of a `WireAnswer`
 */
export const writeAnswer = (
  { events, dropped }: Pick<StepResult, 'events' | 'dropped'>,
  rest: Pick<WireAnswer, 'failed' | 'logs'>,
): string =>
  `{"events":[${events.map(({ text }) => text).join(',')}],${JSON.stringify({ from: events.map(({ from }) => from), dropped, ...rest }).slice(1)}`

/** Whether both say the same; those of one request often are one object. */
function isSame(one: KnownMetadata, other: KnownMetadata): boolean {
  if (one === other) return true
  const fields = Object.entries(one)
  return (
    fields.length === Object.keys(other).length &&
    fields.every(([field, value]) => value === other[field as keyof KnownMetadata])
  )
}

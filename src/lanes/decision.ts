import { Envelope, type Facts } from '../core/envelope.ts'
import { frame, unframe } from '../storage/frame.ts'
import type { Outcome } from './deliver.ts'

/**
 * What the privacy rules, the filter and the transforms of a target made of an event. They run once: every attempt sends what
 * they decided, also after a restart.
 */
export interface Decision {
  /** What is yet to be delivered, in order: several where a transform multiplied the event. */
  readonly parts: readonly Envelope[]
  /** What became of the rest, the worst of it; undefined as long as nothing of it has its verdict. */
  readonly settled: Outcome | undefined
}

/** How a decision rests in a row, as a frame of JSON. What is as in the envelope of the event is left out. */
interface StoredDecision {
  /** messageId and JSON of each part (null for the JSON of the event itself), and what is left of it where some is delivered. */
  readonly parts: readonly (readonly [id: string, text: string | null, rest?: string])[]
  readonly key?: string
  readonly facts?: Facts
  readonly settled?: Outcome
}

/**
 * Writes a decision for a row of the lane.
 *
 * @param decision has at least one part
 * @param envelope the event that it is about, as it came to the lane
 * @returns a frame of JSON
 */
export function storeDecision({ parts, settled }: Decision, { header, text }: Envelope): Uint8Array<ArrayBuffer> {
  const { key = header.key, facts = header.facts } = parts[0]?.header ?? {}
  const isSame = JSON.stringify(facts) === JSON.stringify(header.facts)
  const stored: StoredDecision = {
    parts: parts.map(({ id, text: own, header: { rest } }) => [
      id,
      own === text ? null : own,
      ...(rest === undefined ? ([] as const) : ([rest] as const)),
    ]),
    ...(key === header.key ? {} : { key }),
    ...(isSame ? {} : { facts }),
    ...(settled === undefined ? {} : { settled }),
  }
  return frame(JSON.stringify(stored))
}

/** Reads what `storeDecision` wrote for the same event. */
export function readDecision(bytes: Uint8Array, { header, text }: Envelope): Decision {
  const { parts, settled, key = header.key, facts = header.facts } = JSON.parse(unframe(bytes)) as StoredDecision
  return {
    parts: parts.map(
      ([id, own, rest]) =>
        new Envelope({ ...header, id, key, facts, ...(rest === undefined ? {} : { rest }) }, own ?? text),
    ),
    settled,
  }
}

const rank = { skip: 0, done: 1, dead: 2, retry: 3, pause: 4 } as const

/** The worse of two outcomes of an event's parts: what waits before what is dead, before what is delivered or skipped. */
export const worseOf = (a: Outcome | undefined, b: Outcome): Outcome =>
  a === undefined || rank[b.verdict.kind] > rank[a.verdict.kind] ? b : a

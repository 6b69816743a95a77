import { Envelope, unpack } from '../core/envelope.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import { RPC_BYTES } from '../platform/limits.ts'
import type { Decision } from './decision.ts'
import type { Outcome, SentRequest } from './deliver.ts'
import type { Forwarded, ForwardedEvent } from './forward.ts'

/** What a lane hands to another invocation. */
export interface RemoteTask {
  readonly events: readonly ForwardedEvent[]
  readonly isProven: boolean
}

/** What the other invocation did. */
export interface RemoteResult extends Forwarded {
  readonly steps: readonly TransformStep[]
  /** True when the invocation has nearly used up what the platform lets it do. */
  readonly isSpent: boolean
}

/** A decision as text: header and JSON of each part. */
interface WireDecision {
  readonly parts: readonly (readonly [Envelope['header'], string])[]
  readonly settled?: Outcome
}

/** The first line of a task; what was decided stands by the place of its event. */
interface WireTask {
  readonly isProven: boolean
  readonly decisions?: Readonly<Record<number, WireDecision>>
}

/** An answer; a decision that is the one of the task is `true`. */
interface WireResult {
  readonly outcomes: readonly Outcome[]
  readonly sent: readonly SentRequest[]
  readonly steps?: readonly TransformStep[]
  readonly decisions?: readonly (WireDecision | true | null)[]
  readonly isSpent?: boolean
  /** Why the delivery broke, where it did. */
  readonly broken?: string
}

/** UTF-16 code units of an answer, which has two bytes for each at most. */
const mostLength = RPC_BYTES / 2 - 1_000_000

/** Writes a task: a line of JSON, then the events as a stream has them. */
export function writeTask({ events, isProven }: RemoteTask): string {
  const decided = events.flatMap(({ decision }, i) => (decision === undefined ? [] : [[i, wireDecision(decision)]]))
  const first: WireTask = { isProven, ...(decided.length === 0 ? {} : { decisions: Object.fromEntries(decided) }) }
  return events.reduce(
    (text, { envelope }) => `${text}${JSON.stringify(envelope.header)}\n${envelope.text}\n`,
    `${JSON.stringify(first)}\n`,
  )
}

/** Reads what `writeTask` wrote. */
export function readTask(text: string): RemoteTask {
  const end = text.indexOf('\n')
  const { isProven, decisions = {} } = JSON.parse(text.slice(0, end)) as WireTask
  const events = unpack(text.slice(end + 1)).map((envelope, i) => ({ envelope, decision: readDecision(decisions[i]) }))
  return { events, isProven }
}

/**
 * Writes what came of a task.
 *
 * @param result of it; what `toJSON` of its exchanges leaves out stays in this invocation
 * @param task whose decisions need not be told again
 */
export function writeResult(result: RemoteResult, task: RemoteTask): string {
  const { outcomes, sent, steps, isSpent } = result
  const decisions = result.decisions.map((one, i) => {
    if (one === undefined) return null
    return one === task.events[i]?.decision ? true : wireDecision(one)
  })
  const wire: WireResult = {
    outcomes,
    sent,
    ...(steps.length === 0 ? {} : { steps }),
    ...(isSpent ? { isSpent } : {}),
  }
  const text = stringify(decisions.some((one) => one !== null) ? { ...wire, decisions } : wire)
  // Without decisions the transforms run again: that is better than an answer that cannot be given.
  return text.length <= mostLength ? text : stringify(wire)
}

/** Writes that a delivery broke, and why. */
export const writeBroken = (broken: string): string => stringify({ outcomes: [], sent: [], broken })

/**
 * Reads what `writeResult` or `writeBroken` wrote.
 *
 * @returns what became of the events of the task
 * @throws {Error} with the reason for which the delivery broke
 */
export function readResult(text: string, task: RemoteTask): RemoteResult {
  const { outcomes, sent, steps = [], decisions = [], isSpent = false, broken } = JSON.parse(text) as WireResult
  if (broken !== undefined) throw new Error(broken)
  return {
    outcomes,
    sent,
    steps,
    isSpent,
    decisions: decisions.map((one, i) => (one === true ? task.events[i]?.decision : readDecision(one))),
  }
}

const wireDecision = ({ parts, settled }: Decision): WireDecision => ({
  parts: parts.map(({ header, text }) => [header, text] as const),
  ...(settled === undefined ? {} : { settled }),
})

const readDecision = (wire: WireDecision | null | undefined): Decision | undefined =>
  wire === null || wire === undefined
    ? undefined
    : { parts: wire.parts.map(([header, text]) => new Envelope(header, text)), settled: wire.settled }

/** JSON has no Infinity, and a destination may say `afterSeconds: Infinity`. */
const stringify = (value: WireResult): string =>
  JSON.stringify(value, (_, one: unknown) => (one === Infinity ? Number.MAX_VALUE : one))

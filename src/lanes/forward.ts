import { Envelope } from '../core/envelope.ts'
import type { Target } from '../core/resolved-config.ts'
import { decide, type DecideOptions, type Undecided, withMappedStacks } from './decide.ts'
import { type Decision, worseOf } from './decision.ts'
import { deliver, type Delivery, type DeliveryOptions, type Outcome } from './deliver.ts'

/** An event on its last way. */
export interface ForwardedEvent {
  /** As it came to the lane; it stays as it is. */
  readonly envelope: Envelope
  /** What an attempt before this one decided, and has not delivered yet. */
  readonly decision?: Decision | undefined
}

/** What one call of `forward` did. */
export interface Forwarded extends Delivery {
  /** For each event what the next attempt is to send; undefined where that is to be decided then. */
  readonly decisions: readonly (Decision | undefined)[]
}

/**
 * Takes events the last part of their way: the destination's privacy rules, its filter, its transforms, the delivery.
 *
 * Rules, filter and transforms run for events only about which nothing is decided. Only what transforms made is decided for
 * the attempts that follow: rules and a filter alone say the same each time, or what a person has changed in them since.
 * Of an event that became several, what was delivered is not sent again; nor what a destination that sends by itself delivered.
 *
 * @param events in order
 * @param target the destination with its rules, filter and transforms
 * @param options as of `deliver` and `decide`; whether order is kept is up to the route
 * @returns an outcome for every event given (the worst one, where a transform made several of it), and the requests sent
 */
export async function forward(
  events: readonly ForwardedEvent[],
  target: Extract<Target, { kind: 'destination' }>,
  options: Omit<DeliveryOptions, 'ordered'> & DecideOptions,
): Promise<Forwarded> {
  const { transforms = [], use, ordered = true } = target.route
  if (isPlain(target) && events.every(({ decision }) => decision === undefined))
    return forwardPlain(
      events.map(({ envelope }) => envelope),
      target,
      options,
    )

  const fresh = events.flatMap(({ envelope, decision }) => (decision === undefined ? [envelope] : []))
  const made = (await decide(fresh, target, options)).values()
  const decided = events.map(({ decision }) => decision ?? (made.next().value as Decision | Undecided))
  const ready = decided.flatMap((one, from) =>
    'parts' in one ? one.parts.map((envelope) => ({ from, envelope })) : [],
  )
  const delivery = await deliver(
    ready.map(({ envelope }) => envelope),
    use,
    { ...options, ordered },
  )
  const delivered = (await withMappedStacks(delivery.outcomes, options.port)).values()
  const results = decided.map((one) => ('parts' in one ? resultOf(one, delivered) : { outcome: one.undecided }))
  const sent = delivery.sent.map((request) => ({
    ...request,
    events: [...new Set(request.events.map((i) => (ready[i] as { from: number }).from))],
  }))
  return {
    outcomes: results.map(({ outcome }) => outcome),
    decisions: results.map((result, i) =>
      'decision' in result && (transforms.length > 0 || events[i]?.decision !== undefined || hasRest(result.decision))
        ? result.decision
        : undefined,
    ),
    sent,
  }
}

/** True where there is nothing to decide about any event. */
export const isPlain = ({ route }: Extract<Target, { kind: 'destination' }>): boolean =>
  route.privacy === undefined &&
  route.only === undefined &&
  route.except === undefined &&
  route.filter === undefined &&
  route.fields === undefined &&
  (route.transforms ?? []).length === 0

/** As `forward`, for events about which there is nothing to decide, and nothing was decided. */
export async function forwardPlain(
  envelopes: readonly Envelope[],
  { route: { use, ordered = true } }: Extract<Target, { kind: 'destination' }>,
  options: Omit<DeliveryOptions, 'ordered'>,
): Promise<Forwarded> {
  const { outcomes, sent } = await deliver(envelopes, use, { ...options, ordered })
  // Most of the time there is neither, and every step counts here.
  const isBare = outcomes.every(({ detail, rest }) => detail === undefined && rest === undefined)
  if (isBare) return { outcomes, sent, decisions: [] }
  const decisions = outcomes.some(({ rest }) => rest !== undefined)
    ? envelopes.map((envelope, i) => restOf(envelope, outcomes[i]))
    : []
  return { outcomes: await withMappedStacks(outcomes, options.port), sent, decisions }
}

/** What became of an event, the outcomes of whose parts come next, and what is left of it. */
function resultOf(decision: Decision, delivered: Iterator<Outcome>): { outcome: Outcome; decision: Decision } {
  let { settled } = decision
  let waits: Outcome | undefined
  const parts = decision.parts.flatMap((part) => {
    const outcome = delivered.next().value as Outcome
    const isWaiting = isWaitingFor(outcome)
    if (isWaiting) waits = worseOf(waits, outcome)
    else settled = worseOf(settled, outcome)
    if (!isWaiting) return []
    return outcome.rest === undefined ? [part] : [withRest(part, outcome.rest)]
  })
  const isSame = parts.length === decision.parts.length && parts.every((part, i) => part === decision.parts[i])
  const outcome = waits ?? (settled as Outcome)
  // What is left of one part says nothing of the others, nor of the event.
  const isWhole = decision.parts.length === 1 && decision.settled === undefined
  return { outcome: isWhole ? outcome : withoutRest(outcome), decision: isSame ? decision : { parts, settled } }
}

/** An event of which a part was delivered: the next attempt sends what is left. */
const withRest = ({ header, text }: Envelope, rest: string): Envelope => new Envelope({ ...header, rest }, text)

function withoutRest({ rest: _, ...outcome }: Outcome): Outcome {
  return outcome
}

const hasRest = ({ parts }: Decision): boolean => parts.some(({ header }) => header.rest !== undefined)

const restOf = (envelope: Envelope, outcome: Outcome | undefined): Decision | undefined =>
  outcome?.rest === undefined || !isWaitingFor(outcome)
    ? undefined
    : { parts: [withRest(envelope, outcome.rest)], settled: undefined }

const isWaitingFor = ({ verdict: { kind } }: Outcome): boolean => kind === 'retry' || kind === 'pause'

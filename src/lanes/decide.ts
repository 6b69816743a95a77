import { Envelope } from '../core/envelope.ts'
import { reasonOf, stackOf } from '../core/errors.ts'
import { knownMetadata } from '../core/metadata.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import type { KnownMetadata } from '../core/transform.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { withFields } from '../privacy/fields.ts'
import { privateEnvelopeOf } from '../privacy/privacy.ts'
import { detailOfTransforms, namesOfTransforms, runTransforms } from '../transforms/run.ts'
import { type Decision, worseOf } from './decision.ts'
import { detailOf, type Outcome } from './deliver.ts'
import { isChosen } from './event-choice.ts'
import { resultTooLarge } from './result-limits.ts'

/** An event about which nothing could be decided, because a limit of the platform was in the way, or a transform is suspended. */
export interface Undecided {
  readonly undecided: Outcome
}

/** What the user's code needs, and who counts what it does. */
export interface DecideOptions {
  readonly port: Port
  /** Milliseconds that each transform may take. */
  readonly userCodeMs?: number
  /** Called with what the transforms did. */
  readonly count?: (steps: readonly TransformStep[]) => void
}

/**
 * Decides what of each event is for a target, and in which form: its privacy rules, `only` and `except`, its filter, its
 * transforms, its choice of fields, in this order.
 *
 * @param stored events as they came to the lane; they stay as they are
 * @param target with its rules, filter and transforms
 * @param options see DecideOptions
 * @returns for each event its parts, or what became of it
 */
export async function decide(
  stored: readonly Envelope[],
  target: Target,
  options: DecideOptions,
): Promise<(Decision | Undecided)[]> {
  const { privacy, transforms = [] } = target.route
  const fields = target.kind === 'destination' ? target.route.fields : undefined
  const envelopes = privacy === undefined ? stored : stored.map((envelope) => privateEnvelopeOf(envelope, privacy))
  const settled = envelopes.map((envelope) => filterOut(envelope, target))
  const kept = envelopes.flatMap((envelope, i) => (settled[i] === undefined ? [{ envelope, i }] : []))
  const parts = envelopes.map((envelope, i) => (settled[i] === undefined && transforms.length === 0 ? [envelope] : []))
  const undecided = new Map<number, Outcome>()
  const settle = (i: number, outcome: Outcome) => void (settled[i] = worseOf(settled[i], outcome))

  const run = () =>
    runTransforms(
      transforms,
      kept.map(({ envelope }) => envelope.text),
      knownOf(
        kept.map(({ envelope }) => envelope),
        target,
      ),
      options.userCodeMs,
    )
  const placeOf = (index: number) => (kept[index] as { i: number }).i
  const reason = transforms.find(({ suspended }) => suspended !== undefined)?.suspended
  const isRun = transforms.length > 0 && kept.length > 0 && reason === undefined
  const ran = isRun ? await run().catch(reasonOf) : undefined
  if (reason !== undefined)
    for (const { i } of kept) undecided.set(i, { verdict: { kind: 'retry', reason }, code: 'suspended' })
  // It says nothing of an event when they cannot be run at all.
  else if (typeof ran === 'string') for (const { i } of kept) undecided.set(i, cannotRun(ran))
  else if (ran !== undefined) {
    options.count?.(ran.steps)
    for (const { index, transform } of ran.dropped)
      settle(placeOf(index), { verdict: { kind: 'skip', reason: `dropped by ${transform}` }, code: 'skip' })
    for (const { index, transform, error } of ran.failed)
      if (isPlatformError(error.message)) undecided.set(placeOf(index), cannotRun(error.message))
      else settle(placeOf(index), transformFailed(error.message, detailOfTransforms(error.stack, transform)))
    for (const { event, text, index } of ran.events) {
      const { header } = envelopes[placeOf(index)] as Envelope
      parts[placeOf(index)]?.push(new Envelope({ ...header, id: event.messageId }, text))
    }
    for (const [i, own] of parts.entries()) {
      const problem = resultTooLarge(own.map(({ text }) => text))
      if (problem === undefined) continue
      own.length = 0
      settle(i, transformFailed(problem, detailOfTransforms('', ...namesOfTransforms(transforms))))
    }
  }
  const outcomes = await withMappedStacks(settled, options.port)
  // What the filter has parsed of those that became others.
  if (transforms.length > 0) for (const envelope of envelopes) envelope.forget()
  return parts.map((own, i) => {
    const outcome = undecided.get(i)
    if (outcome !== undefined) return { undecided: outcome }
    // Which of several parts was delivered before is not known.
    if (own.length > 1) for (const [n, part] of own.entries()) own[n] = withoutEarlier(part)
    return { parts: fields === undefined ? own : own.map((part) => withFields(part, fields)), settled: outcomes[i] }
  })
}

/** What the filter makes of an event; undefined where it lets it through. */
function filterOut(envelope: Envelope, target: Target): Outcome | undefined {
  if (target.kind !== 'destination') return undefined
  const { only, except, filter } = target.route
  const filtered: Outcome = { verdict: { kind: 'skip', reason: 'filtered' }, code: 'skip' }
  if (only !== undefined && !isChosen(envelope.event, only)) return filtered
  if (except !== undefined && isChosen(envelope.event, except)) return filtered
  if (filter === undefined) return undefined
  try {
    return filter(envelope.event) ? undefined : filtered
  } catch (error) {
    return {
      verdict: { kind: 'dead', reason: `the filter threw: ${reasonOf(error)}` },
      code: 'filter_failed',
      ...detailOf(stackOf(error)),
    }
  }
}

function withoutEarlier({ header: { earlier: _, ...header }, text }: Envelope): Envelope {
  return new Envelope(header, text)
}

const cannotRun = (reason: string): Outcome =>
  isPlatformError(reason)
    ? { verdict: { kind: 'retry', reason: `platform: ${reason}` }, code: 'platform' }
    : { verdict: { kind: 'retry', reason: `the transforms cannot run: ${reason}` }, code: 'internal' }

const transformFailed = (reason: string, detail: string): Outcome => ({
  verdict: { kind: 'dead', reason },
  code: 'transform_failed',
  ...detailOf(detail),
})

/** Tells what is known of each: one object for those of one request, which often follow each other. */
function knownOf(envelopes: readonly Envelope[], target: Target): (index: number) => KnownMetadata {
  let last: KnownMetadata | undefined
  return (index) => {
    const { source: sourceName, receivedAt } = (envelopes[index] as Envelope).header
    if (last?.sourceName !== sourceName || last.receivedAt !== receivedAt)
      last = knownMetadata({ sourceName, sourceType: target.sourceTypes?.get(sourceName), receivedAt, target })
    return last
  }
}

/** Codes of what a user's code threw; the detail of others is the answer of the destination. */
const thrown: ReadonlySet<string> = new Set(['filter_failed', 'transform_failed', 'encode_failed', 'request_failed'])

/** Makes the stacks of what users' code threw show the users' files and lines. */
export async function withMappedStacks<Some extends Outcome | undefined>(
  outcomes: readonly Some[],
  { mapStack }: Port,
): Promise<readonly Some[]> {
  const isStack = (outcome: Outcome | undefined) => outcome?.detail !== undefined && thrown.has(outcome.code)
  if (mapStack === undefined || !outcomes.some(isStack)) return outcomes
  return Promise.all(
    outcomes.map(async (outcome) =>
      outcome !== undefined && isStack(outcome)
        ? { ...outcome, detail: await mapStack(outcome.detail ?? '') }
        : outcome,
    ),
  )
}

import { Envelope } from '../core/envelope.ts'
import { reasonOf, stackOf } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { runTransforms } from '../transforms/run.ts'
import { deliver, detailOf, type Delivery, type DeliveryOptions, type Outcome } from './deliver.ts'
import { privateEnvelopeOf } from '../privacy/privacy.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import type { Target } from '../core/resolved-config.ts'

/**
 * Takes events the last part of their way: the destination's privacy rules, its filter, its transforms, the delivery.
 *
 * @param stored in order; they stay as they are
 * @param target the destination with its rules, filter and transforms
 * @param options as of `deliver`; whether order is kept is up to the route
 * @returns an outcome for every event given (the worst one, where a transform made several of it), and the requests sent
 */
export async function forward(
  stored: readonly Envelope[],
  target: Extract<Target, { kind: 'destination' }>,
  options: Omit<DeliveryOptions, 'ordered'>,
): Promise<Delivery> {
  const { outcomes, sent } = await forwardAll(stored, target, options)
  const { mapStack } = options.port
  if (mapStack === undefined || !outcomes.some(hasStack)) return { outcomes, sent }
  const shown = outcomes.map(async (outcome) =>
    hasStack(outcome) ? { ...outcome, detail: await mapStack(outcome.detail) } : outcome,
  )
  return { outcomes: await Promise.all(shown), sent }
}

/** Codes of what a user's code threw; the detail of others is the answer of the destination. */
const thrown: ReadonlySet<string> = new Set(['filter_failed', 'transform_failed', 'encode_failed', 'request_failed'])

const hasStack = (outcome: Outcome): outcome is Outcome & { readonly detail: string } =>
  outcome.detail !== undefined && thrown.has(outcome.code)

async function forwardAll(
  stored: readonly Envelope[],
  target: Extract<Target, { kind: 'destination' }>,
  options: Omit<DeliveryOptions, 'ordered'>,
): Promise<Delivery> {
  const { privacy, filter, transforms = [], use, ordered = true } = target.route
  const envelopes = privacy === undefined ? stored : stored.map((envelope) => privateEnvelopeOf(envelope, privacy))
  if (filter === undefined && transforms.length === 0) return deliver(envelopes, use, { ...options, ordered })

  const outcomes: Outcome[] = []
  const kept: number[] = []
  envelopes.forEach((envelope, i) => {
    try {
      const { event } = envelope
      if (filter === undefined || filter(event)) kept.push(i)
      else outcomes[i] = { verdict: { kind: 'skip', reason: 'filtered' }, code: 'skip' }
    } catch (error) {
      outcomes[i] = {
        verdict: { kind: 'dead', reason: `the filter threw: ${reasonOf(error)}` },
        code: 'filter_failed',
        ...detailOf(stackOf(error)),
      }
    }
  })

  let ready = kept.map((i) => ({ from: i, envelope: envelopes[i] as Envelope }))
  if (transforms.length > 0) {
    const ran = await runTransforms(
      transforms,
      // Copies of their own, from the text: a transform may change them, and a retry starts from what was stored.
      ready.map(({ envelope }) => JSON.parse(envelope.text) as Event),
      (event, index) => {
        const { header } = envelopes[kept[index] as number] as Envelope
        return {
          messageId: event.messageId,
          sourceName: header.source,
          destinationName: target.name,
          receivedAt: header.receivedAt,
          eventType: event.type,
          ...(event.event === undefined ? {} : { eventName: event.event }),
        }
      },
      options.userCodeMs,
    )
    for (const { index, transform } of ran.dropped)
      outcomes[kept[index] as number] = { verdict: { kind: 'skip', reason: `dropped by ${transform}` }, code: 'skip' }
    for (const { index, error } of ran.failed)
      outcomes[kept[index] as number] = isPlatformError(error.message)
        ? { verdict: { kind: 'retry', reason: `platform: ${error.message}` }, code: 'platform' }
        : { verdict: { kind: 'dead', reason: error.message }, code: 'transform_failed', detail: error.stack }
    ready = ran.events.map(({ event, text, index }) => {
      const from = kept[index] as number
      const { header } = envelopes[from] as Envelope
      return { from, envelope: new Envelope({ ...header, id: event.messageId }, text) }
    })
  }

  const delivery = await deliver(
    ready.map(({ envelope }) => envelope),
    use,
    { ...options, ordered },
  )
  ready.forEach(({ from }, i) => {
    const outcome = delivery.outcomes[i] as Outcome
    const worst = outcomes[from]
    if (worst === undefined || rank[outcome.verdict.kind] > rank[worst.verdict.kind]) outcomes[from] = outcome
  })
  const sent = delivery.sent.map((request) => ({
    ...request,
    events: [...new Set(request.events.map((i) => (ready[i] as { from: number }).from))],
  }))
  return { outcomes, sent }
}

const rank = { skip: 0, done: 1, dead: 2, retry: 3, pause: 4 } as const

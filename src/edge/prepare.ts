import type { NewDeadLetter } from '../core/dead-letter.ts'
import type { DroppedEvent } from './dropped-buffer.ts'
import type { Packed } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { AppContext } from '../core/app-context.ts'
import { knownMetadata, sourceTypeOf } from '../core/metadata.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import { detailOfTransforms, namesOfTransforms, runTransforms } from '../transforms/run.ts'
import type { IncomingBatch, RejectedEvent } from './incoming-batch.ts'
import { keyOf, maxDepth, removeProtoKeys } from './validate-event.ts'
import { normalizeTransformed, type SentTimes, timesOf } from './transformed-event.ts'
import { type SentEvent, Preparation } from './preparation.ts'
import type { Suppressions } from '../admission/suppression.ts'
import { isRecord } from '../core/json.ts'

/** What is to be stored of a request, and what to say of it. */
export interface PreparedBatch {
  readonly packed: readonly Packed[]
  readonly deadLetters: readonly NewDeadLetter[]
  readonly rejected: readonly RejectedEvent[]
  /** Events of the request of which at least one is in `packed`. */
  readonly accepted: number
  readonly dropped: number
  /** What was dropped and why, for traces; of an event that a transform made several of, each that was dropped. */
  readonly drops: readonly DroppedEvent[]
  /** For the edge's lane: `dropped:<transform>`, `dropped:bot`, `dropped:suppressed`, `consent:<target>`, … */
  readonly counters: Readonly<Record<string, number>>
  /** What the transforms of the source did. */
  readonly steps: readonly TransformStep[]
}

/**
 * Does everything with the events of one request that needs no storage: check, enrich, transform, route, pack.
 *
 * @param incoming the events and what is known of the request; the events are changed in place
 * @param app config, clock, random ids
 * @param suppressions users whose events are dropped
 * @returns what to append, what to bury, what to answer
 * @throws {SluicewayError} bad_request when the fields beside `batch` are out of bounds
 */
export async function prepareBatch(
  incoming: IncomingBatch,
  app: AppContext,
  suppressions?: Suppressions,
): Promise<PreparedBatch> {
  checkBatchContext(incoming, app)
  const work = new Preparation(incoming, app, suppressions)
  if (incoming.source.transforms.length > 0) return prepareWithTransforms(incoming, work)
  const { shared } = work
  let accepted = 0
  for (let index = 0; index < incoming.events.length; index++) {
    const event = work.prepareEvent(incoming.events[index], index, shared)
    if (event === undefined) continue
    const { messageId } = event
    const sent = JSON.stringify(event)
    if (work.routeAndPack(event, sent, { index, sent, messageId, key: keyOf(event) })) accepted++
  }
  const { packed, deadLetters, rejected, dropped, drops, counters } = work
  return { packed, deadLetters: deadLetters, rejected, accepted, dropped, drops, counters, steps: [] }
}

interface PreparedEvent extends SentEvent {
  readonly event: Event
  readonly times: SentTimes
}

/** The way through the source's transforms. */
async function prepareWithTransforms(incoming: IncomingBatch, work: Preparation): Promise<PreparedBatch> {
  const { source, events } = incoming
  const { shared } = work
  const prepared: PreparedEvent[] = []
  for (const [index, value] of events.entries()) {
    // The batch's context goes into each event as a copy: a transform may change it.
    const own = shared.batch === undefined ? shared : { ...shared, batch: structuredClone(shared.batch) }
    const event = work.prepareEvent(value, index, own)
    // A transform may change the event before it fails; the dead letter holds what it got.
    if (event === undefined) continue
    const { messageId } = event
    const times = timesOf(event)
    const isTraced = work.choosesTrace()
    prepared.push({ event, sent: JSON.stringify(event), messageId, key: keyOf(event), index, times, isTraced })
  }
  const known = knownMetadata({
    sourceName: source.name,
    sourceType: sourceTypeOf(source),
    receivedAt: work.receivedAt,
  })
  const isText = source.transforms[0]?.isIsolated === true
  const ran = await runTransforms(
    source.transforms,
    prepared.map(({ event, sent }) => (isText ? sent : event)),
    () => known,
    work.userCodeMs,
  )
  const stored = new Set<number>()
  /** Places in the request. */
  const droppedIndexes = new Set<number>()
  const { deadIndexes } = work
  const fail = (position: number, why: { readonly reason: string; readonly detail?: string }) => {
    const { sent, messageId, key, index } = prepared[position] as PreparedEvent
    work.addDeadLetter(index, sent, { stage: 'transform', messageId, key, code: 'transform_failed', ...why })
  }
  for (const { index, transform, error } of ran.failed)
    fail(index, { reason: error.message, detail: detailOfTransforms(error.stack, transform) })
  for (const { text: returned, index: position } of ran.events) {
    const from = prepared[position] as PreparedEvent
    const transformed = normalizeTransformed(returned, from.times, shared.window)
    if ('problem' in transformed) {
      fail(position, {
        reason: transformed.problem,
        detail: detailOfTransforms('', ...namesOfTransforms(source.transforms)),
      })
      continue
    }
    const { event, text } = transformed
    if (work.isSuppressed(event)) {
      // A transform may know users that the client does not name.
      work.noteDrop('suppressed', from.messageId)
      droppedIndexes.add(from.index)
    } else if (work.routeAndPack(event, text, from)) stored.add(from.index)
  }
  for (const { index: position, transform } of ran.dropped) {
    const { index, messageId } = prepared[position] as PreparedEvent
    work.noteDrop(transform, messageId, `the transform "${transform}" of the source "${source.name}" dropped it`)
    droppedIndexes.add(index)
  }
  const dropped =
    work.dropped + [...droppedIndexes].filter((index) => !stored.has(index) && !deadIndexes.has(index)).length
  const accepted = [...stored].filter((index) => !deadIndexes.has(index)).length
  const rejected = work.rejected.toSorted((a, b) => a.index - b.index)
  const { packed, deadLetters, drops, counters } = work
  return { packed, deadLetters, rejected, accepted, dropped, drops, counters, steps: ran.steps }
}

/** The batch's context is written into every event, so its size counts as often. */
function checkBatchContext({ batch, events }: IncomingBatch, app: AppContext): void {
  const context = batch?.['context']
  if (!isRecord(context)) return
  if (!removeProtoKeys(context, maxDepth - 1))
    throw new SluicewayError('bad_request', `The batch's context is nested deeper than ${maxDepth} levels.`)
  if (JSON.stringify(context).length * events.length > 2 * app.resolved.limits.bodyBytes)
    throw new SluicewayError('bad_request', "The batch's context is too large for so many events.")
}

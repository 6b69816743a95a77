import type { DeadLetter, DryRun } from '../core/dead-letter.ts'
import { unpack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { append, count } from './accept.ts'
import { countTransforms } from './count-transforms.ts'
import { remapCall } from './accept-webhook.ts'
import { remapRecord } from './map-records.ts'
import { type PreparedBatch, prepareBatch } from './prepare.ts'
import { suppressionsOf } from '../admission/suppression.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'
import type { Draft } from '../core/webhook-source.ts'

/**
 * Takes a dead letter of the edge (stage ingest or transform) in again, after somebody edited it.
 *
 * A call that its source could not map is mapped again. An event goes the whole way of a new one, with the time at which it first arrived and, where it has none of its own, the
 * messageId of the letter. The letter itself is left alone: discard it afterwards.
 *
 * @param letter the dead letter with its edited event
 * @param app config, bindings, clock
 * @returns once what became of it is durable; `accepted` is 0 when a transform dropped it
 * @throws {SluicewayError} bad_request when it is still no good, with the reason; stream_unavailable
 */
export async function replayEdgeLetter(
  letter: EdgeLetter,
  app: AppContext,
): Promise<{ readonly accepted: number; readonly dropped: number }> {
  const { source, prepared } = await prepareLetter(letter, app)
  const { packed, accepted, dropped, drops, counters, steps } = prepared
  await append(packed, app)
  count(counters, app, { source: source.name, events: drops })
  countTransforms(steps, source.name, app)
  return { accepted, dropped }
}

/**
 * Says what `replayEdgeLetter` would append. Transforms of the source run; nothing is stored and nothing is counted.
 *
 * @param letter the dead letter with its edited event
 * @param app config, bindings, clock
 * @returns the events with their targets, or why nothing is left of it
 * @throws {SluicewayError} bad_request when it is still no good, with the reason
 */
export async function dryRunEdgeLetter(letter: EdgeLetter, app: AppContext): Promise<DryRun> {
  const { prepared } = await prepareLetter(letter, app)
  const events = unpack(prepared.packed.map(({ text }) => text).join('')).map(({ header, event }) => ({
    event,
    to: header.to,
  }))
  if (events.length > 0) return { outcome: 'accept', events }
  const [drop] = prepared.drops
  return { outcome: 'skip', reason: drop?.reason ?? 'nothing is left of it' }
}

type EdgeLetter = Pick<DeadLetter, 'event' | 'source' | 'stage' | 'code' | 'messageId' | 'receivedAt'>

async function prepareLetter(
  letter: EdgeLetter,
  app: AppContext,
): Promise<{ readonly source: Source; readonly prepared: PreparedBatch }> {
  const source = app.resolved.sources.get(letter.source)
  if (source === undefined)
    throw new SluicewayError('bad_request', `The config has no source "${letter.source}" any more.`)
  const event: unknown = structuredClone(letter.event)
  // Past stage ingest, the address is what the edge saw; before, it is the client's word.
  const ip = letter.stage !== 'ingest' && isRecord(event) ? event['request_ip'] : undefined
  const events = letter.code === 'source_failed' ? await remap(event, source, app) : [event]
  // The same ids at every try: a repeat is told by them.
  for (const [i, one] of events.entries())
    if (isRecord(one)) one['messageId'] ??= i === 0 ? letter.messageId : `${letter.messageId}-${i}`
  const suppressions = await suppressionsOf(app)
  const prepared = await prepareBatch(
    { source, events, facts: typeof ip === 'string' ? { ip } : {}, receivedAt: letter.receivedAt },
    app,
    suppressions,
  )
  const { rejected } = prepared
  const [still] = rejected
  if (still !== undefined)
    throw new SluicewayError('bad_request', `The event is still not acceptable: ${still.reason}`, {
      details: { rejected },
    })
  return { source, prepared }
}

const remap = (kept: unknown, source: Source, app: AppContext): Promise<readonly Draft[]> =>
  source.kafka === undefined ? remapCall(kept, source, app) : remapRecord(kept, source.kafka, app)

import { noteLayoutOnce } from '../core/known-layout.ts'
import { cutLetters } from '../core/cut-letters.ts'
import { type NewDeadLetter } from '../core/dead-letter.ts'
import type { Packed } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import { outagesOf } from '../spill/outages.ts'
import type { IncomingBatch, RejectedEvent } from './incoming-batch.ts'
import { prepareBatch } from './prepare.ts'
import { takeRate } from '../admission/take-rate.ts'
import { partOf, spill } from '../spill/spill.ts'
import { storeOrSpill } from '../spill/store-or-spill.ts'
import { suppressionsOf } from '../admission/suppression.ts'
import { countTransforms } from './count-transforms.ts'
import { counterBufferOf } from './counter-buffer.ts'
import { type DroppedEvent, droppedBufferOf } from './dropped-buffer.ts'
import { cutBatch } from '../core/batch.ts'
import { laneOf, edgeLane } from '../core/lanes.ts'
import type { Source } from '../core/resolved-config.ts'
import type { Outage } from '../core/outage.ts'
import { mostDropped } from '../core/dropped.ts'
import { isRecord } from '../core/json.ts'
import { messageIdOf } from '../enrichment/enrich.ts'

/** Milliseconds after which a count is given up. */
const countMs = 5_000

/** What became of the events of one request. Every event that was sent is in exactly one of the three. */
export interface AcceptedEvents {
  /** Events that the stream holds now, or held already, or that R2 holds for it. */
  readonly accepted: number
  /** Events that a transform dropped, or the rules on bots or suppressed users; counted as `dropped:<which>`. */
  readonly dropped: number
  /** Events that are dead letters now, in their order. */
  readonly rejected: readonly RejectedEvent[]
}

/**
 * Takes what one request brought: checks, enriches, transforms, routes and appends it.
 *
 * An event that cannot be accepted becomes a dead letter and harms no other.
 *
 * @param incoming the events as they were sent and what is known of the request
 * @param app config, bindings, clock
 * @returns once the accepted events and the dead letters are durable
 * @throws {SluicewayError} stream_unavailable when some of it may not be durable: the client must send it all again;
 * rate_limited when the source sends too much; stream_limit when an event can never be appended; bad_request when the
 * fields beside `batch` are out of bounds
 */
export async function acceptEvents(incoming: IncomingBatch, app: AppContext): Promise<AcceptedEvents> {
  const { source, events, counted = 0 } = incoming
  if (source.rate !== undefined && events.length > counted)
    await checkRate(source, events.length - counted, app, events)
  const known = suppressionsOf(app)
  const suppressions = known instanceof Promise ? await known : known
  const prepared = await prepareBatch(incoming, app, suppressions)
  const { packed, deadLetters, rejected, dropped, drops, counters, accepted, steps } = prepared
  // The usual case waits for one promise only.
  if (deadLetters.length === 0 && isEmpty(counters)) await append(packed, app, incoming.since)
  else {
    await Promise.all([append(packed, app, incoming.since), addDeadLetters(deadLetters, app)])
    count(counters, app, { source: source.name, events: drops })
  }
  countTransforms(steps, source.name, app)
  return { accepted, dropped, rejected }
}

/**
 * Counts events against the rate of their source.
 *
 * @param source nothing is done for one without a rate
 * @param events how many the request has
 * @param app bindings and clock
 * @param sent the events as they were sent, where they are known, so that traces tell of them
 * @throws {SluicewayError} rate_limited; the events are counted as `limited:<source>`
 */
export async function checkRate(
  source: Source,
  events: number,
  app: AppContext,
  sent: readonly unknown[] = [],
): Promise<void> {
  try {
    await takeRate(source, events, app)
  } catch (error) {
    const reason = `it was refused with 429, since the source "${source.name}" was above its rate; the client must send it again`
    const refused = sent.slice(0, mostDropped).flatMap((event): DroppedEvent[] => {
      const messageId = isRecord(event) ? messageIdOf(event) : ''
      return messageId === '' ? [] : [{ messageId, reason }]
    })
    count({ [`limited:${source.name}`]: events }, app, { source: source.name, events: refused })
    throw error
  }
}

function isEmpty(counters: Readonly<Record<string, number>>): boolean {
  for (const _ in counters) return false
  return true
}

/**
 * Appends in order, in as many pieces as the stream's limits ask for; what the stream does not take in time is spilled, as
 * one object for each partition that is unavailable (see `storeOrSpill`).
 *
 * @param packed in the order of the request
 * @param app config, bindings, clock
 * @param since milliseconds since the epoch, where the events may have been appended before: see `Stream.append`
 * @returns once all of it is durable somewhere
 * @throws {SluicewayError} stream_unavailable when some of it may not be durable; stream_limit
 */
export async function append(packed: readonly Packed[], app: AppContext, since?: number): Promise<void> {
  if (packed.length === 0) return
  noteLayoutOnce(app)
  const { partitionOf } = app.resolved.stream
  if (partitionOf === undefined) return appendTo({ partition: 0, since }, packed, app)
  const parts = Map.groupBy(packed, ({ key, facts }) => partitionOf(key, facts))
  await Promise.all(Array.from(parts, ([partition, part]) => appendTo({ partition, since }, part, app)))
}

interface AppendPlace {
  readonly partition: number
  readonly since: number | undefined
}

async function appendTo({ partition, since }: AppendPlace, packed: readonly Packed[], app: AppContext): Promise<void> {
  const { stream } = app.resolved
  let appended = 0
  let spilled = false
  await storeOrSpill(
    {
      what: 'events',
      events: packed.length,
      outage: outagesOf(app.resolved).stream[partition] as Outage,
      async store() {
        for (const piece of cutBatch(packed, stream.limits)) {
          if (spilled) throw new Error('the rest is spilled')
          await stream.append(piece, app.bindings, since === undefined ? {} : { since })
          appended += piece.length
        }
      },
      async spill() {
        const part = partOf(partition, stream)
        const key = await spill({ kind: 'events', packed: packed.slice(appended), part }, app)
        spilled = true
        return key
      },
    },
    app,
  )
}

/**
 * Stores dead letters of the edge; what its lane does not take in time is spilled (see `storeOrSpill`).
 *
 * @param letters in the order of the request
 * @param app config, bindings, clock
 * @returns once they are durable somewhere
 * @throws {SluicewayError} stream_unavailable when they may not be durable
 */
export async function addDeadLetters(letters: readonly NewDeadLetter[], app: AppContext): Promise<void> {
  if (letters.length === 0) return
  const deadLetters = await Promise.all(letters.map((letter) => withMappedStack(letter, app.port)))
  let stored = 0
  let spilled = false
  await storeOrSpill(
    {
      what: 'dead letters',
      events: deadLetters.length,
      outage: outagesOf(app.resolved).letters,
      async store() {
        for (const piece of cutLetters(deadLetters)) {
          if (spilled) throw new Error('the rest is spilled')
          await laneOf(app.bindings, edgeLane).addDeadLetters(edgeLane, piece)
          stored += piece.length
        }
      },
      async spill() {
        const key = await spill({ kind: 'letters', deadLetters: deadLetters.slice(stored) }, app)
        spilled = true
        return key
      },
    },
    app,
  )
}

/** The detail of what a user's code threw shows the user's file and line. */
async function withMappedStack(letter: NewDeadLetter, { mapStack }: Port): Promise<NewDeadLetter> {
  const { code, detail } = letter
  const isThrown = code === 'transform_failed' || code === 'source_failed'
  return mapStack === undefined || detail === undefined || !isThrown
    ? letter
    : { ...letter, detail: await mapStack(detail) }
}

/**
 * Adds to the counters of the edge's lane, after the answer and with at most one call a second of each isolate. A count that
 * fails or takes long is logged instead, because the events themselves are where they belong.
 *
 * @param dropped events that were not taken, told with the counters
 */
export function count(
  counters: Readonly<Record<string, number>>,
  app: AppContext,
  dropped?: { readonly source: string; readonly events: readonly DroppedEvent[] },
): void {
  if (isEmpty(counters)) return
  const { port, resolved, bindings } = app
  if (dropped !== undefined && dropped.events.length > 0)
    droppedBufferOf(resolved).add(dropped.source, dropped.events, port.now())
  const tally = counterBufferOf(resolved)
  const wait = tally.add(counters, port.now())
  if (wait === undefined) return
  const send = async () => {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const sum = tally.take(port.now())
    const samples = droppedBufferOf(resolved).take()
    try {
      await withTimeout(laneOf(bindings, edgeLane).count(edgeLane, sum, samples), countMs, 'the lane of the edge')
    } catch (error) {
      port.log('error', 'what the edge counted was lost', { counters: sum, reason: reasonOf(error) })
    }
  }
  app.waitUntil(send())
}

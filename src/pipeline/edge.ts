import { laneOf } from '../core/bindings.ts'
import { type Burial, edgeTarget } from '../core/dead-letter.ts'
import type { Packed } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Stream } from '../core/stream.ts'
import type { World } from '../core/world.ts'
import { type Arrival, prepare, type Rejected } from './prepare.ts'
import { takeRate } from './rate.ts'
import { suppressionsOf } from './suppression.ts'

/** What became of the events of one request. Every event that was sent is in exactly one of the three. */
export interface Accepted {
  /** Events that the stream holds now, or held already. */
  readonly accepted: number
  /** Events that a transform dropped; counted under its name. */
  readonly dropped: number
  /** Events that are dead letters now, in their order. */
  readonly rejected: readonly Rejected[]
}

/**
 * Takes what one request brought: checks, enriches, transforms, routes and appends it.
 *
 * An event that can not be accepted becomes a dead letter and harms no other.
 *
 * @param arrival the events as they were sent and what is known of the request
 * @param world config, bindings, clock
 * @returns once the accepted events and the dead letters are durable
 * @throws {SluicewayError} stream_unavailable when some of it may not be durable: the client must send it all again;
 * rate_limited when the source sends too much; stream_limit when an event can never be appended; bad_request when the
 * fields beside `batch` are out of bounds
 */
export async function accept(arrival: Arrival, world: World): Promise<Accepted> {
  if (arrival.source.rate !== undefined) await takeRate(arrival.source, arrival.events.length, world)
  const known = suppressionsOf(world)
  const suppressions = known instanceof Promise ? await known : known
  const { packed, burials, rejected, dropped, counters, accepted } = await prepare(arrival, world, suppressions)
  // The usual case waits for one promise only.
  if (burials.length === 0 && isEmpty(counters)) await append(packed, world)
  else await Promise.all([append(packed, world), bury(burials, world), count(counters, world)])
  return { accepted, dropped, rejected }
}

function isEmpty(counters: Readonly<Record<string, number>>): boolean {
  for (const _ in counters) return false
  return true
}

/** Appends in order, in as many pieces as the stream's limits ask for. */
export async function append(packed: readonly Packed[], world: World): Promise<void> {
  const { stream } = world.resolved
  for (const piece of pieces(packed, stream.limits)) {
    try {
      await stream.append(piece, world.bindings as unknown as Readonly<Record<string, unknown>>)
    } catch (cause) {
      world.port.log('error', 'the stream did not take events', { events: piece.length, reason: reasonOf(cause) })
      if (cause instanceof SluicewayError && cause.code === 'stream_limit') throw cause
      throw new SluicewayError('stream_unavailable', 'The events could not be stored; send them again.', { cause })
    }
  }
}

function* pieces(packed: readonly Packed[], limits: Stream['limits']): Generator<readonly Packed[]> {
  let from = 0
  let bytes = 0
  for (let i = 0; i < packed.length; i++) {
    const { length } = (packed[i] as Packed).text
    if (i > from && (i - from >= limits.events || bytes + length > limits.bytes)) {
      yield packed.slice(from, i)
      from = i
      bytes = 0
    }
    bytes += length
  }
  if (from < packed.length) yield from === 0 ? packed : packed.slice(from)
}

/** Stores dead letters of the edge. */
export async function bury(burials: readonly Burial[], world: World): Promise<void> {
  if (burials.length === 0) return
  try {
    await laneOf(world.bindings, { target: edgeTarget, partition: 0 }).bury(
      { target: edgeTarget, partition: 0 },
      burials,
    )
  } catch (cause) {
    world.port.log('error', 'dead letters were not stored', { events: burials.length, reason: reasonOf(cause) })
    throw new SluicewayError('stream_unavailable', 'The events could not be stored; send them again.', { cause })
  }
}

/** Adds to the counters of the edge's lane. A count that fails is logged instead: the events themselves are where they belong. */
export async function count(counters: Readonly<Record<string, number>>, world: World): Promise<void> {
  if (isEmpty(counters)) return
  try {
    await laneOf(world.bindings, { target: edgeTarget, partition: 0 }).count(
      { target: edgeTarget, partition: 0 },
      counters,
    )
  } catch (error) {
    world.port.log('error', 'dropped events were not counted', { ...counters, reason: reasonOf(error) })
  }
}

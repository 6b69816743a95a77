import type { DeadLetter } from '../core/dead-letter.ts'
import { Envelope } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import { edgeLane, laneName, laneOf, logOf } from '../core/lanes.ts'
import { knownMetadata, sourceTypeOf } from '../core/metadata.ts'
import type { KnownMetadata, Transform } from '../core/transform.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { oldestFirst } from '../storage/oldest-first.ts'
import type { TransformRun } from '../transforms/run.ts'
import { assertAnswered, gather } from './gather.ts'
import { placeOf } from './letter-pages.ts'
import type { AdminCall } from './responses.ts'
import { runTest, type TransformPlace } from './transformations.ts'

/** Compressed bytes of the log that one call reads, unless a single row has more. */
const readBytes = 250_000
/** UTF-16 code units of the events that one call runs, unless a single event has more. */
const eventsLength = 2_000_000
const mostEvents = 500

/** An event that both versions get. */
export interface Kept {
  /** Its offset in the log, or the number of its dead letter. */
  readonly at: number
  readonly envelope: Envelope
  readonly place: TransformPlace | undefined
  /** Where it is kept, for the answer. */
  readonly where: { readonly partition: number; readonly offset: number } | { readonly letter: string }
}

/** Which events are compared. */
export interface Selection {
  readonly places: readonly TransformPlace[]
  readonly source: string | undefined
  readonly since: number
  readonly until: number
  readonly partitions: number
}

/** How far a call came. */
export interface Reached {
  readonly progress: object
  readonly read: number
  /** Where the next call begins; undefined at the end of what this one reads. */
  readonly cursor: string | undefined
}

/** What one call compares. */
export interface KeptPage extends Reached {
  readonly kept: readonly Kept[]
  /** How far it came where the answer has no room for this one. */
  readonly before: (one: Kept) => Reached
}

/**
 * Reads on in a partition of the log.
 *
 * @param c the call
 * @param selection which events
 * @param begin partition and offset; without an offset, the first one of the time
 * @throws {SluicewayError} bad_request where there is no such partition; stream_unavailable
 */
export async function logPage(c: AdminCall, selection: Selection, begin: readonly number[]): Promise<KeptPage> {
  const { places, source: wanted, since, until, partitions } = selection
  const [partition = 0, given] = begin
  if (partition >= partitions)
    throw new SluicewayError('bad_request', `cursor: the log has ${partitions} partitions, from 0.`)
  const startOf = (one: number): Promise<number> => ask(`log ${one}`, () => logOf(c.env, one).offsetAt(since))
  const offset = given ?? (await startOf(partition))
  const { chunks, head } = await ask(`log ${partition}`, () => logOf(c.env, partition).read(offset, readBytes))
  const kept: Kept[] = []
  let next = offset
  let read = 0
  let length = 0
  let isOver = chunks.length === 0
  reading: for (const chunk of chunks) {
    isOver = chunk.at >= until
    if (isOver) break
    for (const { offset: at, envelope } of oldestFirst(chunk)) {
      if (at < offset) continue
      if (kept.length === mostEvents || length > eventsLength) break reading
      next = at + 1
      read++
      const { source, to } = envelope.header
      const place = places.find((one) => (one.kind === 'source' ? one.name === source : to.includes(one.name)))
      if ((wanted !== undefined && source !== wanted) || (places.length > 0 && place === undefined)) continue
      kept.push({ at, envelope, place, where: { partition, offset: at } })
      length += envelope.text.length
    }
  }
  const progressAt = (at: number) => ({ partition, partitions, offset: at, head })
  const another = partition + 1
  const afterThis = async (): Promise<string | undefined> => {
    if (another < partitions) return `${another}:${await startOf(another)}`
    return places.some(({ kind }) => kind === 'source') ? 'letters' : undefined
  }
  return {
    kept,
    progress: progressAt(next),
    read,
    cursor: isOver || next >= head ? await afterThis() : `${partition}:${next}`,
    before: ({ at }) => ({ progress: progressAt(at), read: at - offset, cursor: `${partition}:${at}` }),
  }
}

/**
 * Reads on in the dead letters of the edge, newest first: those of sources' transforms hold events as they were sent.
 *
 * @param c the call
 * @param selection which events
 * @param begin the number below which to begin; the newest when undefined
 * @throws {SluicewayError} stream_unavailable
 */
export async function letterPage(c: AdminCall, selection: Selection, begin: number | undefined): Promise<KeptPage> {
  const { places, source: wanted, since, until } = selection
  const read = (query: object) =>
    ask(laneName(edgeLane), () =>
      laneOf(c.env.bindings, edgeLane).letters(edgeLane, {
        limit: mostEvents,
        length: eventsLength,
        stage: 'transform',
        ...query,
      }),
    )
  const letters = await read(begin === undefined ? {} : { before: begin })
  const last = letters.at(-1)
  const isOver =
    last === undefined || last.at < since || (await read({ before: placeOf(last.id).number, limit: 1 })).length === 0
  const kept: Kept[] = []
  for (const place of places) {
    if (place.kind !== 'source' || (wanted !== undefined && place.name !== wanted)) continue
    const own = letters.filter(
      ({ source, at, event }) => source === place.name && at >= since && at < until && isRecord(event),
    )
    for (const { envelope, letter } of await beforeTransform(c, place, own))
      kept.push({ at: placeOf(letter).number, envelope, place, where: { letter } })
  }
  const numbers = letters.map(({ id }) => placeOf(id).number)
  return {
    kept: kept.toSorted((a, b) => b.at - a.at),
    progress: { letters: letters.length },
    read: letters.length,
    cursor: isOver ? undefined : `letters:${numbers.at(-1)}`,
    before: ({ at }) => {
      const seen = numbers.filter((number) => number > at).length
      return { progress: { letters: seen }, read: seen, cursor: `letters:${at + 1}` }
    },
  }
}

/** Runs the transforms that stand before one in the list of its source over events as they were sent. */
async function beforeTransform(c: AdminCall, place: TransformPlace, letters: readonly DeadLetter[]) {
  const { transforms = [] } = c.env.resolved.sources.get(place.name) ?? {}
  const envelopeOf = (event: Event, { key, source, receivedAt }: DeadLetter): Envelope =>
    new Envelope({ id: event.messageId, key, source, receivedAt, to: [], facts: {} }, JSON.stringify(event))
  let passing = letters.map((letter) => ({
    letter,
    envelope: envelopeOf({ ...(letter.event as Event), messageId: letter.messageId }, letter),
  }))
  for (const transform of transforms.slice(0, transforms.indexOf(place.transform))) {
    if (passing.length === 0) break
    const given = passing
    const ran = await runOver(
      c,
      transform,
      given.map(({ envelope }) => envelope),
      place,
    )
    passing = ran.events.map(({ event, index }) => {
      const { letter } = given[index] as (typeof given)[number]
      return { letter, envelope: envelopeOf(event, letter) }
    })
  }
  return passing.map(({ letter, envelope }) => ({ letter: letter.id, envelope }))
}

async function ask<Value>(name: string, how: () => Promise<Value>): Promise<Value> {
  const { values, failures } = await gather([name], how, () => name)
  assertAnswered(values, failures)
  return values[0] as Value
}

/**
 * Runs a transform over kept events, of which it gets copies.
 *
 * @param c the call
 * @param transform which
 * @param envelopes the events
 * @param place where they are on their way; undefined where the config has no such transform
 * @throws {SluicewayError} stream_unavailable where a limit of the platform was in the way, which says nothing of the events
 */
export async function runOver(
  c: AdminCall,
  transform: Transform,
  envelopes: readonly Envelope[],
  place: TransformPlace | undefined,
): Promise<TransformRun> {
  const ran = await runTest(
    c,
    transform,
    envelopes.map(({ text: json }) => JSON.parse(json) as Event),
    { describe: (index) => describe(c, envelopes[index] as Envelope, place) },
  )
  const refused = ran.failed.find(({ error }) => isPlatformError(error.message))
  if (refused !== undefined) throw new SluicewayError('stream_unavailable', refused.error.message)
  return ran
}

function describe(c: AdminCall, { header }: Envelope, place: TransformPlace | undefined): KnownMetadata {
  const { sources, targets } = c.env.resolved
  const source = sources.get(header.source)
  const target = place === undefined || place.kind === 'source' ? undefined : targets.get(place.name)
  return knownMetadata({
    sourceName: header.source,
    sourceType: source === undefined ? undefined : sourceTypeOf(source),
    receivedAt: header.receivedAt,
    ...(target === undefined ? {} : { target }),
  })
}

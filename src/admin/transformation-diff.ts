import * as z from 'zod/mini'
import type { Envelope } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { knownLayout } from '../core/known-layout.ts'
import { logOf } from '../core/lanes.ts'
import { knownMetadata, sourceTypeOf } from '../core/metadata.ts'
import type { KnownMetadata, Transform } from '../core/transform.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { oldestFirst } from '../storage/oldest-first.ts'
import { bodyOf, time } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { type AdminCall, adminResponse } from './responses.ts'
import { credentials, givenCode, library } from './transformation-code.ts'
import { answerLength, runTest, transformPlaces, type TransformPlace, unknownName } from './transformations.ts'

/** Compressed bytes of the log that one call reads, unless a single row has more. */
const readBytes = 250_000
/** UTF-16 code units of the events that one call runs, unless a single event has more. */
const eventsLength = 2_000_000
const mostEvents = 500

const text = z.string()

const diffBody = z.strictObject({
  code: text,
  language: z.optional(text),
  libraries: z.optional(z.array(library)),
  credentials,
  from: time,
  to: time,
  source: z.optional(text),
  place: z.optional(text),
  cursor: z.optional(z.string().check(z.regex(/^\d{1,4}:\d{1,15}$/, 'must be <partition>:<offset>'))),
})

/** An event of the log that both versions get. */
interface Kept {
  readonly offset: number
  readonly envelope: Envelope
  readonly place: TransformPlace | undefined
}

/** What a version made of an event; none where it dropped it. */
type Made = { readonly events: Event[] } | { readonly error: { readonly message: string; readonly stack: string } }

/**
 * POST /transformations/:name/diff: runs code of the request, in an isolate, and the transform that the config calls so over
 * events of the log, and answers with what they made of those where it is not the same. Reads only.
 */
export async function diffTransform(c: AdminCall): Promise<Response> {
  const body = await bodyOf(c, diffBody)
  const name = c.req.param('name') ?? ''
  const { partitions } = await knownLayout(c.env)
  if (partitions === 0)
    throw new SluicewayError(
      'conflict',
      `The stream is ${c.env.resolved.stream.name}: it cannot be read again by offset, so there are no kept events to compare over.`,
    )
  const { sources } = c.env.resolved
  if (body.source !== undefined && !sources.has(body.source)) throw unknownName('source', body.source, sources.keys())
  const all = transformPlaces(c).filter(({ transform }) => transform.name === name)
  const places = all.filter((one) => body.place === undefined || one.name === body.place)
  if (body.place !== undefined && places.length === 0)
    throw unknownName(
      `place with ${name}`,
      body.place,
      all.map((one) => one.name),
    )
  const { transform: copy } = await givenCode(c, {
    code: { code: body.code, language: body.language, name },
    libraries: body.libraries ?? [],
    credentials: body.credentials,
  })

  const ask = async <Value>(one: number, how: (log: ReturnType<typeof logOf>) => Promise<Value>): Promise<Value> => {
    const { values, failures } = await gather(
      [one],
      (partition) => how(logOf(c.env, partition)),
      () => `log ${one}`,
    )
    assertAnswered(values, failures)
    return values[0] as Value
  }
  const { from: since = 0, to: until = Infinity } = body
  const startOf = (one: number): Promise<number> => ask(one, (log) => log.offsetAt(since))
  const [partition, offset] = (body.cursor?.split(':').map(Number) as [number, number]) ?? [0, await startOf(0)]
  if (partition >= partitions)
    throw new SluicewayError('bad_request', `cursor: the log has ${partitions} partitions, from 0.`)

  const { chunks, head } = await ask(partition, (log) => log.read(offset, readBytes))
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
      if ((body.source !== undefined && source !== body.source) || (places.length > 0 && place === undefined)) continue
      kept.push({ offset: at, envelope, place })
      length += envelope.text.length
    }
  }
  const made = await compare(c, kept, copy)
  const events: object[] = []
  let unchanged = 0
  let left = answerLength
  for (const [i, { offset: at, envelope, place }] of kept.entries()) {
    const { before, after } = made[i] as (typeof made)[number]
    const isSame = 'events' in after && JSON.stringify(before) === JSON.stringify(after)
    if (isSame) {
      unchanged++
      continue
    }
    const { id, source, receivedAt } = envelope.header
    const { type, event } = envelope.event
    const one = {
      partition,
      offset: at,
      messageId: id,
      source,
      receivedAt,
      event: typeof event === 'string' ? event : type,
      place: place?.name,
      deployed: before,
      copy: after,
    }
    left -= JSON.stringify(one).length
    if (left < 0 && events.length > 0) {
      // The rest comes with the next call.
      next = at
      read = Math.min(read, at - offset)
      isOver = false
      break
    }
    events.push(one)
  }
  isOver ||= next >= head
  const another = partition + 1
  const cursor = !isOver ? `${partition}:${next}` : another < partitions ? `${another}:${await startOf(another)}` : null
  return adminResponse(c, {
    deployed: places.map(({ kind, name: place }) => ({ kind, name: place })),
    progress: { partition, partitions, offset: next, head },
    read,
    compared: unchanged + events.length,
    unchanged,
    events,
    cursor,
  })
}
diffTransform.takesBody = true as const

/** Runs both over the events of each place. */
async function compare(c: AdminCall, kept: readonly Kept[], copy: Transform) {
  const made: { before: Made; after: Made }[] = []
  const groups = Map.groupBy(kept.keys(), (i) => kept[i]?.place)
  for (const [place, indexes] of groups) {
    const group = indexes.map((i) => kept[i] as Kept)
    const run = async (transform: Transform): Promise<Made[]> => {
      const ran = await runTest(
        c,
        transform,
        group.map(({ envelope }) => JSON.parse(envelope.text) as Event),
        { describe: (index) => describe(c, (group[index] as Kept).envelope, place) },
      )
      const refused = ran.failed.find(({ error }) => isPlatformError(error.message))
      // A limit of the platform says nothing of the events.
      if (refused !== undefined) throw new SluicewayError('stream_unavailable', refused.error.message)
      const results: Made[] = group.map(() => ({ events: [] }))
      for (const { event, index } of ran.events) (results[index] as { events: Event[] }).events.push(event)
      for (const { index, error } of ran.failed) results[index] = { error }
      return results
    }
    const before =
      place === undefined
        ? group.map(({ envelope }): Made => ({ events: [envelope.event] }))
        : await run(place.transform)
    const after = await run(copy)
    for (const [k, i] of indexes.entries()) made[i] = { before: before[k] as Made, after: after[k] as Made }
  }
  return made
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

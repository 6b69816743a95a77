import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { knownLayout } from '../core/known-layout.ts'
import type { Transform } from '../core/transform.ts'
import { bodyOf, time } from './body.ts'
import { type Kept, letterPage, logPage, type Reached, runOver, type Selection } from './kept-events.ts'
import { type AdminCall, adminResponse } from './responses.ts'
import { credentials, givenCode, library } from './transformation-code.ts'
import { answerLength, transformPlaces, unknownName } from './transformations.ts'

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
  cursor: z.optional(
    z.string().check(z.regex(/^(?:\d{1,4}:\d{1,15}|letters(?::\d{1,15})?)$/, 'must be that of the answer before')),
  ),
})

/** What a version made of an event; none where it dropped it. */
type Made = { readonly events: Event[] } | { readonly error: { readonly message: string; readonly stack: string } }

/**
 * POST /transformations/:name/diff: runs code of the request, in an isolate, and the transform that the config calls so over
 * events of the log, and answers with what they made of those where it is not the same. Of a source, the dead letters of its
 * transforms follow, which are as they were sent. Reads only.
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
  const { from: since = 0, to: until = Infinity, source, cursor: begin = '0' } = body
  const selection: Selection = { places, source, since, until, partitions }
  const [, isOfLetters, place = ''] = /^(letters)?:?(.*)$/.exec(begin) ?? []
  const page =
    isOfLetters === undefined
      ? await logPage(c, selection, place.split(':').map(Number))
      : await letterPage(c, selection, place === '' ? undefined : Number(place))
  const made = await compare(c, page.kept, copy)
  const events: object[] = []
  let reached: Reached = page
  let unchanged = 0
  let left = answerLength
  for (const [i, one] of page.kept.entries()) {
    const { before, after } = made[i] as (typeof made)[number]
    const isSame = 'events' in after && JSON.stringify(before) === JSON.stringify(after)
    if (isSame) {
      unchanged++
      continue
    }
    const { envelope, where } = one
    const { id, source: from, receivedAt } = envelope.header
    const { type, event } = envelope.event
    const shown = {
      ...where,
      messageId: id,
      source: from,
      receivedAt,
      event: typeof event === 'string' ? event : type,
      place: one.place?.name,
      deployed: before,
      copy: after,
    }
    left -= JSON.stringify(shown).length
    // The rest comes with the next call. What came of one letter stays together.
    if (left < 0 && events.length > 0 && page.kept[i - 1]?.at !== one.at) {
      reached = page.before(one)
      break
    }
    events.push(shown)
  }
  const { progress, read, cursor } = reached
  return adminResponse(c, {
    deployed: places.map(({ kind, name: of }) => ({ kind, name: of })),
    progress,
    read,
    compared: unchanged + events.length,
    unchanged,
    events,
    cursor: cursor ?? null,
  })
}
diffTransform.takesBody = true as const
diffTransform.onlyReads = true as const

/** Runs both over the events of each place. */
async function compare(c: AdminCall, kept: readonly Kept[], copy: Transform) {
  const made: { before: Made; after: Made }[] = []
  const groups = Map.groupBy(kept.keys(), (i) => kept[i]?.place)
  for (const [place, indexes] of groups) {
    const group = indexes.map((i) => kept[i] as Kept)
    const run = async (transform: Transform): Promise<Made[]> => {
      const ran = await runOver(
        c,
        transform,
        group.map(({ envelope }) => envelope),
        place,
      )
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

import * as z from 'zod/mini'
import { type ErrorCode, SluicewayError } from '../core/errors.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import { isBlank } from '../core/json.ts'
import type { LaneRef } from '../core/inbox.ts'
import { messageIdOf } from '../enrichment/enrich.ts'
import { validateShape } from '../edge/validate-event.ts'
import { fillTimes, timeFields } from '../enrichment/fill-times.ts'
import { parseTimestamp, windowOf } from '../enrichment/timestamps.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { bodyOf, limitUpTo, queryOf, stage } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { LetterPages, placeOf } from './letter-pages.ts'
import { discard, type LetterOutcome, replay } from './replay.ts'
import { knownLayout } from '../core/known-layout.ts'
import { edgeTarget, laneName, laneOf, allLanes, lanesOf } from '../core/lanes.ts'

/** Letters that one call replays or discards at most: each may be a call of its own to a stream. */
const mostAtOnce = 500

const encoder = new TextEncoder()
const text = z.optional(z.string())
const listQuery = z.object({
  target: text,
  stage: z.optional(stage),
  messageId: text,
  cursor: text,
  limit: limitUpTo(1_000),
})
const mendBody = z.strictObject(
  { event: z.record(z.string(), z.unknown(), 'must be an object') },
  'must be {"event":{…}} and nothing else',
)
const ids = z.array(z.string()).check(z.minLength(1), z.maxLength(mostAtOnce, `at most ${mostAtOnce} in one call`))
const discardBody = z.strictObject({ ids }, `must be {"ids":[…]} with 1 to ${mostAtOnce} ids, and nothing else`)
const replayForm = `must be {"ids":[…]} with 1 to ${mostAtOnce} ids, or {"all":true} with target, stage and cursor where wanted`
const replayBody = z.union(
  [
    z.strictObject({ ids }, replayForm),
    z.strictObject({ all: z.literal(true), target: text, stage: z.optional(stage), cursor: text }, replayForm),
  ],
  replayForm,
)

/** GET /dead-letters: those of all lanes, newest first; `cursor` in the answer is there when there are more. */
export async function listLetters(c: AdminCall): Promise<Response> {
  const { target, limit = 100, ...query } = queryOf(c, listQuery)
  const feed = new LetterPages(c.env, { ...query, lanes: await lanesFor(c, target) })
  const { found, more } = await feed.take(limit)
  assertAnswered(found, feed.failures)
  return adminResponse(c, {
    deadLetters: found.map(({ letter }) => letter),
    ...(more ? { cursor: feed.cursor } : {}),
    failures: feed.failures,
  })
}
listLetters.query = listQuery

/** GET /dead-letters/:id: one of them, with every attempt. */
export async function readLetter(c: AdminCall): Promise<Response> {
  const { ref, number } = placeOf(idOf(c))
  const letter = await laneOf(c.env.bindings, ref).letter(ref, number)
  if (letter === null) throw noLetterError(c)
  return adminResponse(c, { deadLetter: letter })
}

/** PUT /dead-letters/:id: replaces the event. Its messageId must stay, so that repeats are still known as such. */
export async function editLetter(c: AdminCall): Promise<Response> {
  const { ref, number } = placeOf(idOf(c))
  const { event } = await bodyOf(c, mendBody)
  const lane = laneOf(c.env.bindings, ref)
  const letter = await lane.letter(ref, number)
  if (letter === null) throw noLetterError(c)
  const { messageId } = letter
  if (event['messageId'] !== undefined && messageIdOf(event) !== messageId)
    throw new SluicewayError('bad_request', `event.messageId: must stay "${messageId}", or be left out`)
  // A lane sends what it has; the edge fills in what is missing, as for a new event.
  const whole = ref.target === edgeTarget ? event : wholeEventOf(event, letter, c.env.resolved.limits)
  const edited = JSON.stringify({ ...whole, messageId })
  const { eventBytes } = c.env.resolved.limits
  if (encoder.encode(edited).byteLength > eventBytes)
    throw new SluicewayError('body_too_large', `The event has more than ${eventBytes} bytes.`)
  const deadLetter = await lane.editDeadLetter(ref, number, edited)
  if (deadLetter === null) throw noLetterError(c)
  return adminResponse(c, { success: true, deadLetter })
}
editLetter.takesBody = true as const

/**
 * Checks the shape of an edited event as the edge does, and fills in the times that it lacks.
 *
 * @throws {SluicewayError} bad_request for a shape that the edge refuses, and a time that cannot be read
 */
function wholeEventOf(
  event: Record<string, unknown>,
  { receivedAt, event: before }: DeadLetter,
  limits: Parameters<typeof windowOf>[1],
): Record<string, unknown> {
  const fault = validateShape(event)
  if (fault !== undefined) throw new SluicewayError('bad_request', `event: ${fault.reason}`)
  for (const field of timeFields)
    if (parseTimestamp(event[field]) === undefined && !isBlank(event[field]))
      throw new SluicewayError(
        'bad_request',
        `event.${field}: must be a time such as 2026-11-22T10:00:00Z, or be left out`,
      )
  return fillTimes(event, { receivedAt, window: windowOf(receivedAt, limits), before })
}

/** POST /dead-letters/:id/replay: sends it on its way again, under its own messageId. */
export async function replayLetter(c: AdminCall): Promise<Response> {
  const outcome = await replay([placeOf(idOf(c))], c.env)
  return respondToOne(c, outcome, { replayed: outcome.done })
}

/** DELETE /dead-letters/:id: forgets it. */
export async function discardLetter(c: AdminCall): Promise<Response> {
  const outcome = await discard([placeOf(idOf(c))], c.env)
  return respondToOne(c, outcome, { discarded: outcome.done })
}

/** POST /dead-letters/discard: forgets those with the given ids. */
export async function discardLetters(c: AdminCall): Promise<Response> {
  const { ids } = await bodyOf(c, discardBody)
  const { done, failed } = await discard(ids.map(placeOf), c.env)
  return adminResponse(c, { success: true, discarded: done, failed })
}
discardLetters.takesBody = true as const

/**
 * POST /dead-letters/replay: those with the given ids, or the newest of all. With `all`, `remaining` says how many are left
 * in these lanes, and `cursor`, when it is there, how to go on past those that failed.
 */
export async function replayLetters(c: AdminCall): Promise<Response> {
  const body = await bodyOf(c, replayBody)
  if ('ids' in body) {
    const { done, failed } = await replay(body.ids.map(placeOf), c.env)
    return adminResponse(c, { success: true, replayed: done, failed })
  }
  const lanes = await lanesFor(c, body.target)
  const feed = new LetterPages(c.env, { lanes, stage: body.stage, cursor: body.cursor })
  const done: string[] = []
  const failed: LetterOutcome['failed'][number][] = []
  let more = true
  // Large letters come in several pages.
  while (more && done.length + failed.length < mostAtOnce) {
    const page = await feed.take(mostAtOnce - done.length - failed.length)
    more = page.more
    if (page.found.length === 0) break
    const outcome = await replay(page.found, c.env)
    done.push(...outcome.done)
    failed.push(...outcome.failed)
  }
  const left = await gather(
    lanes,
    (ref) => laneOf(c.env.bindings, ref).status(ref),
    (ref) => `lane ${laneName(ref)}`,
  )
  return adminResponse(c, {
    success: true,
    replayed: done,
    failed,
    remaining: left.values.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    ...(more ? { cursor: feed.cursor } : {}),
    failures: [...feed.failures, ...left.failures],
  })
}
replayLetters.takesBody = true as const

function respondToOne(c: AdminCall, { failed }: LetterOutcome, body: object): Response {
  const [why] = failed
  if (why === undefined) return adminResponse(c, { success: true, ...body })
  throw why.code === 'not_found' ? noLetterError(c) : new SluicewayError(why.code as ErrorCode, why.message)
}

async function lanesFor(c: AdminCall, target: string | undefined): Promise<LaneRef[]> {
  const layout = await knownLayout(c.env)
  return target === undefined ? allLanes(layout) : lanesOf(target, layout)
}

const idOf = (c: AdminCall): string => c.req.param('id') ?? ''

const noLetterError = (c: AdminCall): SluicewayError =>
  new SluicewayError('not_found', `There is no dead letter "${idOf(c)}".`)

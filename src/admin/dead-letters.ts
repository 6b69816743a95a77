import * as z from 'zod/mini'
import { type ErrorCode, SluicewayError } from '../core/errors.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { bodyOf, limitUpTo, queryOf } from './body.ts'
import { noLetterError } from './edit-letter.ts'
import { filterFields, filterOf, lanesFor } from './letter-filter.ts'
import { assertAnswered, gather } from './gather.ts'
import { LetterPages, placeOf } from './letter-pages.ts'
import { discard, type LetterOutcome, replay } from './replay.ts'
import { laneName, laneOf } from '../core/lanes.ts'

/** Letters that one call replays or discards at most: each may be a call of its own to a stream. */
const mostAtOnce = 500

const text = z.optional(z.string())
const listQuery = z.object({
  ...filterFields,
  messageId: text,
  cursor: text,
  limit: limitUpTo(1_000),
})
const ids = z.array(z.string()).check(z.minLength(1), z.maxLength(mostAtOnce, `at most ${mostAtOnce} in one call`))
const discardBody = z.strictObject({ ids }, `must be {"ids":[…]} with 1 to ${mostAtOnce} ids, and nothing else`)
const replayForm = `must be {"ids":[…]} with 1 to ${mostAtOnce} ids, or {"all":true} with target, stage, cause, event, user, from, to and cursor where wanted`
const replayBody = z.union(
  [
    z.strictObject({ ids }, replayForm),
    z.strictObject({ all: z.literal(true), ...filterFields, cursor: text }, replayForm),
  ],
  replayForm,
)

/** GET /dead-letters: those of all lanes, newest first; `cursor` in the answer is there when there are more. */
export async function listLetters(c: AdminCall): Promise<Response> {
  const { limit = 100, cursor, ...filter } = queryOf(c, listQuery)
  const feed = new LetterPages(c.env, { filter: filterOf(filter), cursor, lanes: await lanesFor(c, filter.target) })
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
  c.set('about', { ids })
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
  c.set('about', body)
  if ('ids' in body) {
    const { done, failed } = await replay(body.ids.map(placeOf), c.env)
    return adminResponse(c, { success: true, replayed: done, failed })
  }
  const lanes = await lanesFor(c, body.target)
  const feed = new LetterPages(c.env, { lanes, filter: filterOf(body), cursor: body.cursor })
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

const idOf = (c: AdminCall): string => c.req.param('id') ?? ''

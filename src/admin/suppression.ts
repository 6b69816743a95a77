import * as z from 'zod/mini'
import type { SuppressionRpc } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { UserId } from '../admission/suppression-list.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { bodyOf, limitUpTo, queryOf } from './body.ts'

/** Users in one call at most. */
const mostAtOnce = 1_000
/** Characters of an id at most. */
const longestId = 1_000

const id = z
  .string('must be text')
  .check(z.trim(), z.minLength(1, 'must not be empty'), z.maxLength(longestId, `at most ${longestId} characters`))
const kind = z.enum(['userId', 'anonymousId'], { error: 'must be userId or anonymousId' })
const form = 'must be {"users":[{"kind":"userId","id":"…"}]}'
const users = z
  .array(z.strictObject({ kind, id }, form), form)
  .check(z.minLength(1, form), z.maxLength(mostAtOnce, `at most ${mostAtOnce} in one call`))
const usersBody = z.strictObject({ users }, form)
const listQuery = z.object({
  after: z.optional(z.string().check(z.regex(/^(userId|anonymousId):/, 'must be the cursor of an answer'))),
  limit: limitUpTo(1_000),
})
const checkQuery = z.object({ userId: z.optional(id), anonymousId: z.optional(id) })

/**
 * POST /suppression: from now on the events of these users are dropped before the append, as soon as all isolates know it,
 * which takes ten seconds at most. What was accepted before is still delivered. Repeating it is harmless.
 */
export async function suppress(c: AdminCall): Promise<Response> {
  const body = await bodyOf(c, usersBody)
  await ask(c, (list) => list.add(body.users))
  return adminResponse(c, { success: true })
}
suppress.takesBody = true as const

/** POST /suppression/remove: takes the events of these users again, after ten seconds at most. */
export async function unsuppress(c: AdminCall): Promise<Response> {
  const body = await bodyOf(c, usersBody)
  return adminResponse(c, { success: true, removed: await ask(c, (list) => list.remove(body.users)) })
}
unsuppress.takesBody = true as const

/** GET /suppression: who is on the list; `cursor` in the answer is there when there are more, and goes into `after`. */
export async function listSuppressed(c: AdminCall): Promise<Response> {
  const { after, limit = 100 } = queryOf(c, listQuery)
  const found = await ask(c, (list) => list.list({ ...(after === undefined ? {} : { after }), limit: limit + 1 }))
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return adminResponse(c, {
    users: page,
    ...(found.length > limit && last !== undefined ? { cursor: `${last.kind}:${last.id}` } : {}),
  })
}
listSuppressed.query = listQuery

/** GET /suppression/check: whether an event with this userId or anonymousId would be dropped, and since when. */
export async function checkSuppressed(c: AdminCall): Promise<Response> {
  const query = queryOf(c, checkQuery)
  const asked = (['userId', 'anonymousId'] as const).flatMap((one): UserId[] => {
    const value = query[one]
    return value === undefined ? [] : [{ kind: one, id: value }]
  })
  if (asked.length === 0) throw new SluicewayError('bad_request', 'Give userId, anonymousId or both in the query.')
  const found = await ask(c, (list) => list.find(asked))
  return adminResponse(c, { suppressed: found.length > 0, users: found })
}
checkSuppressed.query = checkQuery

async function ask<T>(c: AdminCall, call: (list: SuppressionRpc) => Promise<T>): Promise<T> {
  const { bindings, port } = c.env
  try {
    return await call(bindings.SUPPRESSION.getByName('all'))
  } catch (cause) {
    port.log('error', 'the list of suppressed users failed', { reason: reasonOf(cause) })
    throw new SluicewayError(
      'stream_unavailable',
      'The list of suppressed users, or its copy in R2, does not answer: repeat the call.',
      { cause },
    )
  }
}

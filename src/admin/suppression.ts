import * as z from 'zod/mini'
import type { SuppressionRpc } from '../core/bindings.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { UserId } from '../admission/suppression-list.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { bodyOf, limitUpTo, queryOf } from './body.ts'

/** Users in one call at most. */
const mostAtOnce = 1_000
/** Users who are deleted by one call at most: each is a request to each destination. */
const mostDeletions = 100
/** Characters of an id at most. */
const longestId = 1_000

const id = z
  .string('must be text')
  .check(z.trim(), z.minLength(1, 'must not be empty'), z.maxLength(longestId, `at most ${longestId} characters`))
const kind = z.enum(['userId', 'anonymousId'], { error: 'must be userId or anonymousId' })
const form = 'must be {"users":[{"kind":"userId","id":"…"}]}'
const some = [z.minLength(1, form), z.maxLength(mostAtOnce, `at most ${mostAtOnce} in one call`)] as const
const usersBody = z.strictObject({ users: z.array(z.strictObject({ kind, id }, form), form).check(...some) }, form)
const wanted = 'must be true, for all destinations, or a list of their names'
const suppressBody = z.strictObject(
  {
    users: z
      .array(z.strictObject({ kind, id, email: z.optional(id), phone: z.optional(id) }, form), form)
      .check(...some),
    delete: z.optional(z.union([z.boolean(wanted), z.array(z.string(wanted), wanted)], wanted)),
  },
  form,
)
const listQuery = z.object({
  after: z.optional(z.string().check(z.regex(/^(userId|anonymousId):/, 'must be the cursor of an answer'))),
  limit: limitUpTo(1_000),
})
const deletionsQuery = z.object({
  after: z.optional(z.string().check(z.regex(/^[^:]+:(userId|anonymousId):/, 'must be the cursor of an answer'))),
  limit: limitUpTo(1_000),
})
const checkQuery = z.object({ userId: z.optional(id), anonymousId: z.optional(id) })

/**
 * POST /suppression: from now on the events of these users are dropped before the append, as soon as all isolates know it,
 * which takes ten seconds at most. What was accepted before is still delivered. With `delete`, they are deleted at destinations,
 * too, and what waits for warehouses is not loaded. Repeating it is harmless.
 */
export async function suppress(c: AdminCall): Promise<Response> {
  const { users, delete: where } = await bodyOf(c, suppressBody)
  const destinations = destinationsOf(c, where)
  if (destinations.length > 0 && users.length > mostDeletions)
    throw new SluicewayError('bad_request', `At most ${mostDeletions} users can be deleted by one call.`)
  await ask(c, (list) => list.add(users.map((user) => ({ kind: user.kind, id: user.id }))))
  if (where === undefined || where === false) return adminResponse(c, { success: true })
  c.set('about', { users: users.length, delete: destinations })
  return adminResponse(c, { success: true, deletions: await ask(c, (list) => list.deleteAt(users, destinations)) })
}
suppress.takesBody = true as const

/** The names of the destinations that a call means. */
function destinationsOf(c: AdminCall, where: boolean | readonly string[] | undefined): readonly string[] {
  if (where === undefined || where === false) return []
  const known = [...c.env.resolved.targets.keys()]
  if (where === true) return known
  const unknown = where.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new SluicewayError(
      'bad_request',
      `delete: there is no destination "${unknown}"; there are ${known.join(', ')}.`,
    )
  return where
}

/** GET /suppression/deletions: what became of deleting users; `cursor` goes into `after`, as for the list. */
export async function listDeletions(c: AdminCall): Promise<Response> {
  const { after, limit = 100 } = queryOf(c, deletionsQuery)
  const found = await ask(c, (list) => list.deletions({ ...(after === undefined ? {} : { after }), limit: limit + 1 }))
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return adminResponse(c, {
    deletions: page,
    ...(found.length > limit && last !== undefined ? { cursor: `${last.destination}:${last.kind}:${last.id}` } : {}),
  })
}

listDeletions.query = deletionsQuery

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

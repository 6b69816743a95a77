import { Hono } from 'hono'
import { z } from 'zod/mini'
import { laneOf } from '../core/bindings.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/stream.ts'
import type { World } from '../core/world.ts'
import { bodyOf, checked, letterRef, refsOf } from './refs.ts'
import { discard, replay } from './resend.ts'

/** Letters that one call replays or discards at most. */
const atOnce = 500

const listQuery = z.object({
  target: z.optional(z.string()),
  stage: z.optional(z.enum(['ingest', 'transform', 'delivery', 'load'])),
  messageId: z.optional(z.string()),
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(500)), 50),
  cursor: z.optional(z.string()),
})

const choice = z.union([
  z.strictObject({ ids: z.array(z.string()).check(z.minLength(1), z.maxLength(atOnce)) }),
  z.strictObject({
    all: z.literal(true),
    target: z.optional(z.string()),
    stage: z.optional(z.enum(['ingest', 'transform', 'delivery', 'load'])),
  }),
])

const mended = z.strictObject({ event: z.record(z.string(), z.unknown()) })

/** `/admin/dead-letters`: read, mend, replay and discard what could not be delivered. */
export const deadLetters = new Hono<{ Bindings: World }>()

deadLetters.get('/', async (c) => {
  const { target, cursor, ...query } = checked(listQuery, c.req.query())
  const page = await list(c.env, { ...query, ...(target === undefined ? {} : { target }), before: beforeOf(cursor) })
  return c.json(page)
})

deadLetters.post('/replay', async (c) => {
  const { ids, remaining } = await chosen(c.env, checked(choice, await bodyOf(c.req.raw)))
  const result = await replay(ids, c.env)
  return c.json({ success: true, ...result, remaining: remaining(result.replayed.length) })
})

deadLetters.post('/discard', async (c) => {
  const { ids, remaining } = await chosen(c.env, checked(choice, await bodyOf(c.req.raw)))
  const discarded = await discard(ids, c.env)
  return c.json({ success: true, discarded, remaining: remaining(discarded.length) })
})

deadLetters.get('/:id', async (c) => c.json(await find(c.env, c.req.param('id'))))

deadLetters.put('/:id', async (c) => {
  const id = c.req.param('id')
  const { event } = checked(mended, await bodyOf(c.req.raw))
  const letter = await find(c.env, id)
  if (letter.messageId !== '' && event['messageId'] !== undefined && event['messageId'] !== letter.messageId)
    throw new SluicewayError(
      'bad_request',
      `The messageId must stay "${letter.messageId}": receivers know the event by it.`,
    )
  const ref = letterRef(id)
  const changed = await laneOf(c.env.bindings, ref).mend(
    ref,
    ref.number,
    JSON.stringify(letter.messageId === '' ? event : { ...event, messageId: letter.messageId }),
  )
  return c.json(changed)
})

deadLetters.post('/:id/replay', async (c) => {
  const { id } = await find(c.env, c.req.param('id'))
  const { replayed, failed } = await replay([id], c.env)
  const [failure] = failed
  if (failure !== undefined) throw new SluicewayError('conflict', failure.reason)
  return c.json({ success: true, replayed })
})

deadLetters.delete('/:id', async (c) => {
  const { id } = await find(c.env, c.req.param('id'))
  return c.json({ success: true, discarded: await discard([id], c.env) })
})

async function find(world: World, id: string): Promise<DeadLetter> {
  const ref = letterRef(id)
  const letter = await laneOf(world.bindings, ref).letter(ref, ref.number)
  if (letter === null)
    throw new SluicewayError('not_found', `There is no dead letter ${id}; it may have been replayed.`)
  return letter
}

type Query = {
  readonly target?: string
  readonly stage?: string | undefined
  readonly messageId?: string | undefined
  readonly limit: number
  /** Per lane: only letters with a smaller number. */
  readonly before: Readonly<Record<string, number>>
}

/** Merges the lanes' letters, newest first; the cursor says for every lane where the next page goes on. */
async function list(world: World, { target, before, limit, stage, messageId }: Query) {
  const refs = refsOf(world).filter((ref) => target === undefined || ref.target === target)
  const pages = await Promise.all(
    refs.map(async (ref) => {
      const from = before[nameOf(ref)]
      return laneOf(world.bindings, ref).letters(ref, {
        limit,
        ...(from === undefined ? {} : { before: from }),
        ...(stage === undefined ? {} : { stage }),
        ...(messageId === undefined ? {} : { messageId }),
      })
    }),
  )
  const letters = pages
    .flat()
    .toSorted((a, b) => b.at - a.at)
    .slice(0, limit)
  if (letters.length < limit) return { letters }
  const next = { ...before }
  for (const { id } of letters) {
    const ref = letterRef(id)
    next[nameOf(ref)] = ref.number
  }
  return { letters, cursor: btoa(JSON.stringify(next)) }
}

const nameOf = (ref: LaneRef): string => `${ref.target}:${ref.partition}`

function beforeOf(cursor: string | undefined): Record<string, number> {
  if (cursor === undefined) return {}
  try {
    return checked(z.record(z.string(), z.number()), JSON.parse(atob(cursor)))
  } catch (cause) {
    throw new SluicewayError('bad_request', 'The cursor is not one of this API.', { cause })
  }
}

/** The letters that a call names: by id, or the oldest of all that fit, as many as go at once. */
async function chosen(
  world: World,
  choice: { ids: string[] } | { all: true; target?: string | undefined; stage?: string | undefined },
) {
  if ('ids' in choice) return { ids: choice.ids, remaining: () => 0 }
  const { target, stage } = choice
  const refs = refsOf(world).filter((ref) => target === undefined || ref.target === target)
  const pages = await Promise.all(
    refs.map((ref) =>
      laneOf(world.bindings, ref).letters(ref, { limit: 100_000, ...(stage === undefined ? {} : { stage }) }),
    ),
  )
  const all = pages.flat().toSorted((a, b) => a.at - b.at)
  return { ids: all.slice(0, atOnce).map(({ id }) => id), remaining: (handled: number) => all.length - handled }
}

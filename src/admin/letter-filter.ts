import * as z from 'zod/mini'
import type { LetterFilter } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import { knownLayout } from '../core/known-layout.ts'
import { allLanes, lanesOf } from '../core/lanes.ts'
import { stage, time } from './body.ts'
import type { AdminCall } from './responses.ts'

const text = z.optional(z.string())

/** Which letters, in a query or a body: all conditions that are given must hold. */
export const filterFields = {
  target: text,
  stage: z.optional(stage),
  cause: z.optional(
    z.string().check(z.regex(/^([\da-f]{16}|other)$/, 'must be a cause of GET /admin/dead-letters/causes')),
  ),
  event: text,
  user: text,
  from: time,
  to: time,
}

/** As `filterFields` gives it. */
export type GivenFilter = LetterFilter & { readonly target?: string | undefined }

/** The conditions without the target, which says which lanes are asked. */
export const filterOf = ({ stage, messageId, cause, event, user, from, to }: GivenFilter): LetterFilter => ({
  stage,
  messageId,
  cause,
  event,
  user,
  from,
  to,
})

/** The lanes whose letters are asked for: all, or those of a target, also of one that is gone. */
export async function lanesFor(c: AdminCall, target: string | undefined): Promise<LaneRef[]> {
  const layout = await knownLayout(c.env)
  return target === undefined ? allLanes(layout) : lanesOf(target, layout)
}

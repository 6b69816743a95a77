import * as z from 'zod/mini'
import type { Cause } from '../core/dead-letter.ts'
import { laneName, laneOf } from '../core/lanes.ts'
import { queryOf, stage } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { lanesFor } from './letter-filter.ts'
import { type AdminCall, adminResponse } from './responses.ts'

const causesQuery = z.object({ target: z.optional(z.string()), stage: z.optional(stage) })

/** A cause of one target, of all its partitions. */
interface TargetCause extends Cause {
  readonly target: string
}

/** GET /dead-letters/causes: what the letters have in common, the most frequent first. */
export async function listCauses(c: AdminCall): Promise<Response> {
  const { target, stage: wanted } = queryOf(c, causesQuery)
  const { values, failures } = await gather(
    await lanesFor(c, target),
    async (ref) => (await laneOf(c.env.bindings, ref).causes(ref)).map((cause) => ({ ...cause, target: ref.target })),
    (ref) => `lane ${laneName(ref)}`,
  )
  const causes = mergeCauses(values.flat().filter(({ stage: of }) => wanted === undefined || of === wanted))
  assertAnswered(causes, failures)
  return adminResponse(c, { causes, failures })
}
listCauses.query = causesQuery

/** Adds up what the partitions of a target say of the same cause. The sample is one of where it came last. */
function mergeCauses(all: readonly TargetCause[]): TargetCause[] {
  const merged = new Map<string, TargetCause>()
  for (const one of all) {
    const name = `${one.target} ${one.cause}`
    const before = merged.get(name)
    const newest = before === undefined || one.last >= before.last ? one : before
    merged.set(name, {
      ...newest,
      count: one.count + (before?.count ?? 0),
      first: Math.min(one.first, before?.first ?? one.first),
    })
  }
  return [...merged.values()].toSorted((a, b) => b.count - a.count || b.last - a.last)
}

import type { DryRun } from '../core/dead-letter.ts'
import { SluicewayError } from '../core/errors.ts'
import { edgeTarget, laneOf } from '../core/lanes.ts'
import { dryRunEdgeLetter } from '../edge/replay-edge-letter.ts'
import { noLetterError } from './edit-letter.ts'
import { placeOf } from './letter-pages.ts'
import { type AdminCall, adminResponse } from './responses.ts'

/** POST /dead-letters/:id/dry-run: what a replay would send now, and what is not as in the request that failed. */
export async function dryRun(c: AdminCall): Promise<Response> {
  const { ref, number } = placeOf(c.req.param('id') ?? '')
  const lane = laneOf(c.env.bindings, ref)
  if (ref.target !== edgeTarget) {
    const found = await lane.dryRun(ref, number)
    if (found === null) throw noLetterError(c)
    return adminResponse(c, { dryRun: found })
  }
  const letter = await lane.letter(ref, number)
  if (letter === null) throw noLetterError(c)
  const told = await dryRunEdgeLetter(letter, c.env).catch((error: unknown): DryRun => {
    if (error instanceof SluicewayError && error.code === 'bad_request')
      return { outcome: 'dead', reason: error.message }
    throw error
  })
  return adminResponse(c, { dryRun: told })
}
dryRun.onlyReads = true as const

import { SluicewayError } from '../core/errors.ts'
import { sweep } from '../schedule/sweep.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { assertAnswered, gather } from './gather.ts'
import { laneName, laneOf, allLanes } from '../core/lanes.ts'
import type { LaneRef } from '../core/inbox.ts'

/** GET /lanes: how every lane is doing. */
export async function listLanes(c: AdminCall): Promise<Response> {
  const { values, failures } = await gather(
    allLanes(c.env),
    (ref) => laneOf(c.env.bindings, ref).status(ref),
    (ref) => `lane ${laneName(ref)}`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { lanes: values, failures })
}

/** POST /lanes/:target/:partition/resume: ends a pause or an open circuit now. */
export async function resumeLane(c: AdminCall): Promise<Response> {
  const ref: LaneRef = { target: c.req.param('target') ?? '', partition: Number(c.req.param('partition')) }
  const known = allLanes(c.env).some((lane) => laneName(lane) === laneName(ref))
  if (!known)
    throw new SluicewayError('not_found', `There is no lane ${c.req.param('target')}:${c.req.param('partition')}.`)
  return adminResponse(c, { lane: await laneOf(c.env.bindings, ref).resume(ref) })
}

/** POST /sweep: wakes every log partition and every lane, as the schedule does each minute. */
export const sweepNow = async (c: AdminCall): Promise<Response> => adminResponse(c, await sweep(c.env))

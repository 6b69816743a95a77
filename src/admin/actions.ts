import * as z from 'zod/mini'
import { reasonOf } from '../core/errors.ts'
import { edgeLane, laneOf } from '../core/lanes.ts'
import { limitUpTo, queryOf, wholeNumber } from './body.ts'
import { type AdminCall, adminResponse } from './responses.ts'

/** UTF-16 code units of what an action was about. */
const aboutLength = 2_000

const actionsQuery = z.object({ before: wholeNumber, limit: limitUpTo(1_000) })

/** GET /actions: what was done with this API, by whom and when, newest first. */
export async function listActions(c: AdminCall): Promise<Response> {
  const { before, limit = 100 } = queryOf(c, actionsQuery)
  const actions = await laneOf(c.env.bindings, edgeLane).actions(edgeLane, {
    limit,
    ...(before === undefined ? {} : { before }),
  })
  return adminResponse(c, { actions })
}
listActions.query = actionsQuery

/**
 * Notes what a call did: in the lane of the edge, and in the log of the deployment, which has it also where that lane does not
 * answer.
 *
 * @param c the call, after its answer is known
 * @param status of the answer
 */
export async function noteAction(c: AdminCall, status: number): Promise<void> {
  const about = c.get('about')
  const action = {
    at: c.env.port.now(),
    by: c.get('by'),
    action: `${c.req.method} ${c.req.path}`,
    status,
    ...(about === undefined ? {} : { about: JSON.stringify(about).slice(0, aboutLength) }),
  }
  const { at: _, ...fields } = action
  c.env.port.log('info', 'the admin API was used', fields)
  try {
    await laneOf(c.env.bindings, edgeLane).noteAction(edgeLane, action)
  } catch (error) {
    c.env.port.log('error', 'what was done with the admin API could not be noted', {
      ...fields,
      reason: reasonOf(error),
    })
  }
}

import type { LaneLoad } from '../core/bindings.ts'
import { SluicewayError } from '../core/errors.ts'
import { sweep } from '../schedule/sweep.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { assertAnswered, gather } from './gather.ts'
import { laneName, laneOf, allLanes, warehousesOf } from '../core/lanes.ts'
import { knownLayout } from '../core/known-layout.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Layout } from '../core/layout.ts'

/** GET /lanes: how every lane is doing, also those of earlier configs; those of a warehouse with how its loading is doing. */
export async function listLanes(c: AdminCall): Promise<Response> {
  const layout = await knownLayout(c.env)
  const [{ values, failures }, loads] = await Promise.all([
    gather(
      allLanes(layout),
      (ref) => laneOf(c.env.bindings, ref).status(ref),
      (ref) => `lane ${laneName(ref)}`,
    ),
    loadsOf(c, layout),
  ])
  assertAnswered(values, failures)
  const lanes = values.map((lane) => {
    if (lane.kind !== 'warehouse') return lane
    return { ...lane, load: loads.values.get(lane.target) ?? { state: 'unavailable' } }
  })
  return adminResponse(c, { lanes, failures: [...failures, ...loads.failures] })
}

/** How each warehouse is doing, by its name. */
async function loadsOf(
  c: AdminCall,
  layout: Layout,
): Promise<{ values: ReadonlyMap<string, LaneLoad>; failures: readonly string[] }> {
  const { values, failures } = await gather(
    warehousesOf(layout),
    async (name): Promise<[string, LaneLoad]> => {
      const status = await c.env.bindings.LOADER.getByName(name).status(name)
      const { state, stagedFiles, stagedEvents, oldestSeconds, reason, nextAttemptAt } = status
      const why = reason === undefined ? {} : { reason }
      const next = nextAttemptAt === undefined ? {} : { nextAttemptAt }
      return [name, { state, stagedFiles, stagedEvents, oldestSeconds, ...why, ...next }]
    },
    (name) => `loader ${name}`,
  )
  return { values: new Map(values), failures }
}

/** POST /lanes/:target/:partition/resume: ends a pause or an open circuit now. */
export async function resumeLane(c: AdminCall): Promise<Response> {
  const ref: LaneRef = { target: c.req.param('target') ?? '', partition: Number(c.req.param('partition')) }
  const known = allLanes(await knownLayout(c.env)).some((lane) => laneName(lane) === laneName(ref))
  if (!known)
    throw new SluicewayError('not_found', `There is no lane ${c.req.param('target')}:${c.req.param('partition')}.`)
  return adminResponse(c, { lane: await laneOf(c.env.bindings, ref).resume(ref) })
}

/** POST /lanes/:target/resume: as above, for every lane of a target. */
export const resumeLanes = (c: AdminCall): Promise<Response> =>
  eachLane(c, async (ref) => ({ lane: await laneOf(c.env.bindings, ref).resume(ref) }))

/** POST /lanes/:target/pause: stops every lane of a destination, until it is resumed. */
export async function pauseLanes(c: AdminCall): Promise<Response> {
  assertIsDestination(c)
  return eachLane(c, async (ref) => ({ lane: await laneOf(c.env.bindings, ref).pause(ref, c.get('by')) }))
}

/** POST /lanes/:target/drain: has every lane of a destination deliver what its stream holds now, and stop then. */
export async function drainLanes(c: AdminCall): Promise<Response> {
  assertIsDestination(c)
  return eachLane(c, async (ref) => ({ lane: await laneOf(c.env.bindings, ref).drain(ref, c.get('by')) }))
}

/** POST /lanes/:target/skip: gives up what waits in every lane of a destination. */
export async function skipLanes(c: AdminCall): Promise<Response> {
  assertIsDestination(c)
  return eachLane(c, async (ref) => (await laneOf(c.env.bindings, ref).skip(ref, c.get('by'))) ?? {})
}

function assertIsDestination(c: AdminCall): void {
  const target = c.req.param('target') ?? ''
  const found = c.env.resolved.targets.get(target)
  if (found === undefined) throw new SluicewayError('not_found', `There is no destination ${target} in the config.`)
  if (found.kind !== 'destination')
    throw new SluicewayError(
      'conflict',
      `${target} is no destination (${found.kind}): only lanes of destinations are stopped, drained or skipped.`,
    )
}

/** Does the same with every lane of a target; those that could not be reached are in `failures`. */
async function eachLane(c: AdminCall, act: (ref: LaneRef) => Promise<object>): Promise<Response> {
  const target = c.req.param('target') ?? ''
  const lanes = allLanes(await knownLayout(c.env)).filter((lane) => lane.target === target)
  if (lanes.length === 0) throw new SluicewayError('not_found', `There is no target ${target}.`)
  const { values, failures } = await gather(lanes, act, (ref) => `lane ${laneName(ref)}`)
  assertAnswered(values, failures)
  return adminResponse(c, { lanes: values, failures })
}

/** POST /sweep: wakes every log partition and every lane, as the schedule does each minute. */
export const sweepNow = async (c: AdminCall): Promise<Response> => adminResponse(c, await sweep(c.env))

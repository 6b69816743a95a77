import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { JobOrder, JobStatus } from '../core/jobs.ts'
import { knownLayout } from '../core/known-layout.ts'
import { allLanes, edgeTarget, laneName, laneOf } from '../core/lanes.ts'
import { bodyOf } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { filterFields, filterOf, lanesFor } from './letter-filter.ts'
import { type AdminCall, adminResponse } from './responses.ts'

const form =
  'must be {"action":"replay"} or {"action":"discard"} with target, stage, cause, event, user, from, to and id where wanted'
const jobBody = z.strictObject(
  {
    action: z.enum(['replay', 'discard'], { error: 'must be replay or discard' }),
    id: z.optional(z.uuid({ error: 'must be the id of a job, which is a UUID' })),
    ...filterFields,
  },
  form,
)

/** POST /dead-letters/jobs: replays or discards all letters that there are now, of a cause or a filter, in the background. */
export async function startLetterJob(c: AdminCall): Promise<Response> {
  const { action, id = c.env.port.uuid(), target, ...given } = await bodyOf(c, jobBody)
  const filter = filterOf(given)
  if (action === 'discard' && target === undefined && Object.values(filter).every((one) => one === undefined))
    throw new SluicewayError(
      'bad_request',
      'Say which letters are to be discarded: by target, stage, cause, event, user, from or to.',
    )
  c.set('about', { action, id, target, ...filter })
  const order: JobOrder = { id, kind: action, target, filter, by: c.get('by') }
  const lanes = (await lanesFor(c, target)).filter(
    (ref) => action === 'discard' || ref.target === edgeTarget || c.env.resolved.targets.has(ref.target),
  )
  if (lanes.length === 0)
    throw new SluicewayError(
      'conflict',
      `"${target}" is no longer in the config: put it back to replay, or discard its letters.`,
    )
  return startJob(c, order, lanes)
}
startLetterJob.takesBody = true as const

/** Starts a job in lanes, and answers with it. One that did not answer gets it when the call is repeated with the same id. */
export async function startJob(c: AdminCall, order: JobOrder, lanes: readonly LaneRef[]): Promise<Response> {
  const { values, failures } = await gather(
    lanes,
    async (ref) => ({ ref, job: await laneOf(c.env.bindings, ref).startJob(ref, order) }),
    (ref) => `lane ${laneName(ref)}`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { success: true, job: jobOf(values), failures })
}

/** GET /jobs: those of all lanes, newest first. */
export async function listJobs(c: AdminCall): Promise<Response> {
  const { values, failures } = await jobsOf(c)
  const jobs = [...Map.groupBy(values, ({ job }) => job.id).values()].map((parts) => jobOf(parts))
  assertAnswered(jobs, failures)
  return adminResponse(c, { jobs: jobs.toSorted((a, b) => b.startedAt - a.startedAt), failures })
}

/** GET /jobs/:id: how one is doing, in all and lane by lane. */
export async function readJob(c: AdminCall): Promise<Response> {
  const { values, failures } = await jobsOf(c)
  const id = c.req.param('id') ?? ''
  const own = values.filter(({ job }) => job.id === id)
  assertAnswered(own, failures)
  if (own.length === 0) throw noJobError(id)
  return adminResponse(c, { job: { ...jobOf(own), lanes: own.map(({ ref, job }) => laneJobOf(ref, job)) }, failures })
}

/** POST /jobs/:id/cancel: ends it; what it has done stays done. */
export async function cancelJob(c: AdminCall): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const { values, failures } = await gather(
    allLanes(await knownLayout(c.env)),
    async (ref) => ({ ref, job: await laneOf(c.env.bindings, ref).cancelJob(ref, id) }),
    (ref) => `lane ${laneName(ref)}`,
  )
  const own = values.flatMap(({ ref, job }) => (job === null ? [] : [{ ref, job }]))
  assertAnswered(own, failures)
  if (own.length === 0) throw noJobError(id)
  return adminResponse(c, { success: true, job: jobOf(own), failures })
}

interface LaneJob {
  readonly ref: LaneRef
  readonly job: JobStatus
}

async function jobsOf(c: AdminCall) {
  const { values, failures } = await gather(
    allLanes(await knownLayout(c.env)),
    async (ref) => (await laneOf(c.env.bindings, ref).jobs(ref)).map((job): LaneJob => ({ ref, job })),
    (ref) => `lane ${laneName(ref)}`,
  )
  return { values: values.flat(), failures }
}

const laneJobOf = (ref: LaneRef, { state, done, failed, reason }: JobStatus) => ({
  lane: laneName(ref),
  state,
  done,
  failed,
  ...(reason === undefined ? {} : { reason }),
})

/** Adds up what the lanes say of one job. */
function jobOf(parts: readonly LaneJob[]): JobStatus {
  const jobs = parts.map(({ job }) => job)
  const [first] = jobs as [JobStatus]
  const states = new Set(jobs.map(({ state }) => state))
  const state = states.has('running') ? 'running' : states.has('canceled') ? 'canceled' : 'done'
  const reason = jobs.find((job) => job.reason !== undefined)?.reason
  const { reason: _reason, endedAt: _endedAt, ...rest } = first
  return {
    ...rest,
    state,
    done: jobs.reduce((sum, { done }) => sum + done, 0),
    failed: jobs.reduce((sum, { failed }) => sum + failed, 0),
    ...(first.read === undefined ? {} : { read: jobs.reduce((sum, { read = 0 }) => sum + read, 0) }),
    startedAt: Math.min(...jobs.map(({ startedAt }) => startedAt)),
    ...(reason === undefined ? {} : { reason }),
    ...(state === 'running' ? {} : { endedAt: Math.max(...jobs.map(({ endedAt = 0 }) => endedAt)) }),
  }
}

const noJobError = (id: string): SluicewayError => new SluicewayError('not_found', `There is no job "${id}".`)

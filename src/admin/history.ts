import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import type { JobOrder } from '../core/jobs.ts'
import { knownLayout } from '../core/known-layout.ts'
import { archiveTarget, partitionsOf } from '../core/lanes.ts'
import { bodyOf, time } from './body.ts'
import { startJob } from './jobs.ts'
import type { AdminCall } from './responses.ts'

const text = z.optional(z.string())
const historyBody = z.strictObject(
  {
    target: z.string(),
    from: time,
    to: time,
    source: text,
    event: text,
    user: text,
    dryRun: z.optional(z.boolean()),
    perSecond: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
    id: z.optional(z.uuid({ error: 'must be the id of a job, which is a UUID' })),
  },
  'must be {"target":"…"} with from, to, source, event, user, dryRun, perSecond and id where wanted',
)

/**
 * POST /history: sends events that the log has kept, and before them those of the archive, to one destination, also one that did
 * not get them. Unless `dryRun` is false, they are only counted.
 */
export async function replayHistory(c: AdminCall): Promise<Response> {
  const given = await bodyOf(c, historyBody)
  const { target, source, dryRun = true, perSecond, id = c.env.port.uuid(), ...filter } = given
  const { resolved } = c.env
  const kind = resolved.targets.get(target)?.kind
  if (kind === undefined) throw new SluicewayError('not_found', `The config has no destination "${target}".`)
  if (kind !== 'destination')
    throw new SluicewayError('conflict', `"${target}" is no destination; history is replayed to destinations.`)
  if (resolved.stream.log === undefined && !resolved.targets.has(archiveTarget))
    throw new SluicewayError(
      'conflict',
      'History is read from the log or from the archive: the stream of this deployment is another, and "archive" of the config is not switched on.',
    )
  if (source !== undefined && !resolved.sources.has(source))
    throw new SluicewayError('not_found', `There is no source "${source}" in the config.`)
  c.set('about', { ...given, id, dryRun })
  const layout = await knownLayout(c.env)
  const archived = layout.targets.find(({ name }) => name === archiveTarget)?.partitions ?? 0
  const partitions = Math.max(layout.partitions, archived)
  const order: JobOrder = {
    id,
    kind: dryRun ? 'count history' : 'replay history',
    target,
    filter,
    by: c.get('by'),
    ...(source === undefined ? {} : { source }),
    ...(perSecond === undefined ? {} : { perSecond, lanes: partitions }),
  }
  return startJob(
    c,
    order,
    partitionsOf(partitions).map((partition) => ({ target, partition })),
  )
}
replayHistory.takesBody = true as const

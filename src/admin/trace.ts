import * as z from 'zod/mini'
import { type LaneTrace } from '../core/bindings.ts'
import type { DryRun } from '../core/dead-letter.ts'
import { SluicewayError } from '../core/errors.ts'
import { reasonNotRouted } from '../edge/route.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import type { AppContext } from '../core/app-context.ts'
import { adminResponse, type AdminCall, publicErrorOf } from './responses.ts'
import { queryOf } from './body.ts'
import { gather } from './gather.ts'
import { eventAt, type PlacedEvent } from './log.ts'
import { knownLayout } from '../core/known-layout.ts'
import { transformsOf } from './traced-transforms.ts'
import { allLanes, laneName, laneOf, logOf, partitionsOf } from '../core/lanes.ts'
import type { Layout } from '../core/layout.ts'
import type { LaneRef } from '../core/inbox.ts'

interface TraceQuery {
  readonly id: string
  readonly sources: readonly string[]
}

const traceQuery = z.object({
  source: z.optional(z.string()),
  preview: z.optional(z.enum(['true', 'false'], { error: 'must be true or false' })),
})

/** GET /trace/:messageId?source=: where an event went, lane by lane, every attempt. */
export async function trace(c: AdminCall): Promise<Response> {
  const app = c.env
  const { source, preview } = queryOf(c, traceQuery)
  if (source !== undefined && !app.resolved.sources.has(source))
    throw new SluicewayError('not_found', `There is no source "${source}" in the config.`)
  const id = c.req.param('messageId') ?? ''
  const wanted: TraceQuery = { id, sources: source === undefined ? [...app.resolved.sources.keys()] : [source] }
  const layout = await knownLayout(app)
  const places = await gather(
    partitionsOf(layout.partitions).flatMap((partition) => wanted.sources.map((name) => ({ partition, name }))),
    ({ partition, name }) => find(app, { id, partition, source: name }),
    ({ partition }) => `log ${partition}`,
  )
  // One messageId at several sources is several events; the newest is told, the others are named.
  const [place, ...others] = places.values
    .flat()
    .toSorted((a, b) => b.envelope.header.receivedAt.localeCompare(a.envelope.header.receivedAt))
  const lanes = place === undefined ? await traceBlindly(app, layout, wanted) : await traceFrom(app, layout, place)
  const told = preview === 'true' && place !== undefined ? await withPreviews(app, place, lanes.values) : lanes.values
  const known = lanes.values.some(({ status }) => status !== 'unknown')
  return adminResponse(c, {
    found: place !== undefined || known,
    messageId: id,
    ...(place === undefined ? {} : summaryOf(app, place)),
    ...(place === undefined ? {} : await transformsOf(app, place.envelope, preview === 'true')),
    ...(others.length === 0 ? {} : { alsoFrom: others.map(({ envelope }) => envelope.header.source) }),
    lanes: told,
    failures: [...places.failures, ...lanes.failures],
  })
}
trace.query = traceQuery

/** Asks each lane that the event was routed to what it would make of it now. */
const withPreviews = (
  app: AppContext,
  { envelope: { header, text } }: PlacedEvent,
  lanes: readonly LaneTrace[],
): Promise<LaneTrace[]> =>
  Promise.all(
    lanes.map(async (lane) => {
      if (lane.status === 'not routed' || !app.resolved.targets.has(lane.target)) return lane
      const ref = { target: lane.target, partition: lane.partition }
      const preview = await laneOf(app.bindings, ref)
        .preview(ref, { header, text })
        .catch((error: unknown): DryRun => ({ outcome: 'wait', reason: publicErrorOf(error).message }))
      return { ...lane, preview }
    }),
  )

const summaryOf = (app: AppContext, { partition, offset, envelope: { header, event } }: PlacedEvent) => ({
  source: header.source,
  receivedAt: header.receivedAt,
  partition,
  offset,
  key: header.key,
  to: header.to,
  transforms: app.resolved.sources.get(header.source)?.transforms.map(({ name }) => name) ?? [],
  event,
})

/** Fingerprints may collide: what was found is compared. A repeat may be in the log twice; the first one counts. */
async function find(
  app: AppContext,
  { id, source, partition }: { readonly id: string; readonly source: string; readonly partition: number },
): Promise<PlacedEvent[]> {
  const hits = await logOf(app, partition).find(fingerprintOf(source, id))
  return hits
    .flatMap(({ offset, chunk }): PlacedEvent[] => {
      const envelope = eventAt(chunk, offset)
      return envelope === undefined ? [] : [{ partition, offset, envelope }]
    })
    .filter(({ envelope }) => envelope.id === id && envelope.header.source === source)
    .toSorted((a, b) => a.offset - b.offset)
    .slice(0, 1)
}

/**
 * The log holds the event: its partition, its offset and its targets are known. Dead letters of a loader are in partition 0 of
 * its warehouse, whatever the partition of their events.
 */
async function traceFrom(
  app: AppContext,
  { targets }: Layout,
  { partition, offset, envelope: { id, header, event: sent } }: PlacedEvent,
) {
  const source = app.resolved.sources.get(header.source)
  // A target that is gone from the config is told where the event was for it.
  const refs = targets
    .filter(({ name }) => app.resolved.targets.has(name) || header.to.includes(name))
    .map(({ name }) => ({ target: name, partition }))
  return ask(app, refs, async (ref): Promise<LaneTrace> => {
    if (!header.to.includes(ref.target))
      return { ...ref, status: 'not routed', reason: reasonNotRouted(sent, source, ref.target), attempts: [] }
    const event = { id, source: header.source, offset }
    if (app.resolved.targets.get(ref.target)?.kind === 'warehouse' && partition !== 0) {
      const { offset: _, ...elsewhere } = event
      const letters = { ...ref, partition: 0 }
      const found = await laneOf(app.bindings, letters).trace(letters, elsewhere)
      if (found.status === 'dead') return found
    }
    return laneOf(app.bindings, ref).trace(ref, event)
  })
}

/** The stream does not hold it (any more): each lane says what it knows, and the edge, where the event may have ended. */
async function traceBlindly(app: AppContext, layout: Layout, { id, sources }: TraceQuery) {
  const all = await ask(app, allLanes(layout), async (ref) => {
    const traces = await Promise.all(sources.map((source) => laneOf(app.bindings, ref).trace(ref, { id, source })))
    return traces.find(({ status }) => status !== 'unknown') ?? { ...ref, status: 'unknown', attempts: [] }
  })
  return { ...all, values: all.values.filter(({ status }) => status !== 'unknown') }
}

const ask = (app: AppContext, refs: readonly LaneRef[], call: (ref: LaneRef) => Promise<LaneTrace>) =>
  gather(refs, call, (ref) => `lane ${laneName(ref)}`)

import type { LaneStatus, LaneTrace } from '../core/bindings.ts'
import { type DeadLetter } from '../core/dead-letter.ts'
import { reasonOf } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { Chunk } from '../core/inbox.ts'
import { newestFirst, type OffsetEvent } from '../storage/newest-first.ts'
import type { AppContext } from '../core/app-context.ts'
import { type SinkDelivery, DemoSink } from './demo-sink.ts'
import { viewWarehouse, type WarehouseView } from './demo-warehouse.ts'
import { knownLayout } from '../core/known-layout.ts'
import { allLanes, edgeLane, laneOf, partitionsOf } from '../core/lanes.ts'
import type { Layout } from '../core/layout.ts'
import type { Target } from '../core/resolved-config.ts'

/** What a part shows, or why it cannot: one part that fails takes no other along. */
export type Part<Value> = Value | { readonly unavailable: string }

/** An event as it was accepted. */
export interface DemoEvent {
  readonly id: string
  readonly source?: string
  readonly type: string
  readonly name?: string
  /** RFC 3339. */
  readonly receivedAt: string
  readonly event: Event
}

/** Everything that the demo page shows, each list newest first. */
export interface DemoState {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly stream: string
  readonly events: Part<{ readonly total?: number; readonly items: readonly DemoEvent[] }>
  readonly deliveries: Part<{ readonly total: number; readonly items: readonly SinkDelivery[] }>
  readonly deadLetters: Part<{ readonly total: number; readonly items: readonly DeadLetter[] }>
  readonly lanes: readonly Part<LaneStatus>[]
  readonly warehouses: readonly (Part<WarehouseView> & { readonly name: string })[]
  /** What the edge knows of the event that was asked for; only when it did not take it. */
  readonly last?: Pick<LaneTrace, 'status' | 'reason'>
}

const shown = 20
const rowsShown = 10
/** UTF-16 code units of the dead letters of a lane that are shown: large ones fill the page sooner. */
const shownLength = 1_000_000

/**
 * Gathers what the demo page shows.
 *
 * An event comes into the log first, and to the sink and the tables from there: these are read before the log, so that no
 * number shows more behind it than in it.
 *
 * @param app the lanes, the loaders and D1 are asked at once, then the log
 * @param lastId messageId of an event that the page has sent
 * @returns the state; what could not be read says why
 */
export async function demoState(app: AppContext, lastId?: string): Promise<DemoState> {
  const { resolved, port } = app
  const layout = await knownLayout(app)
  const refs = allLanes(layout)
  const [deliveries, last, lanes, letters, warehouses] = await Promise.all([
    partOf(new DemoSink(app.bindings.DB).newest(shown)),
    lastId === undefined ? undefined : partOf(lastOf(app, lastId)),
    Promise.all(refs.map((ref) => partOf(laneOf(app.bindings, ref).status(ref)))),
    partOf(
      Promise.all(refs.map((ref) => laneOf(app.bindings, ref).letters(ref, { limit: shown, length: shownLength }))),
    ),
    Promise.all(
      warehousesOf(app).map(async (target) => ({
        name: target.name,
        ...(await partOf(viewWarehouse(app, { target, rows: rowsShown }))),
      })),
    ),
  ])
  const events = await partOf(acceptedOf(app, layout))
  return {
    now: port.now(),
    stream: resolved.stream.name,
    events: events ?? (isMissing(deliveries) ? deliveries : { items: deliveries.items.map(acceptedFrom) }),
    deliveries,
    deadLetters: isMissing(letters)
      ? letters
      : {
          total: lanes.reduce((sum, lane) => sum + (isMissing(lane) ? 0 : lane.deadLetters), 0),
          items: letters
            .flat()
            .toSorted((a, b) => b.at - a.at)
            .slice(0, shown),
        },
    lanes,
    warehouses,
    ...(last === undefined || isMissing(last) || last.status !== 'dropped' ? {} : { last }),
  }
}

/** What became of an event of the page at the edge. */
async function lastOf({ resolved, bindings }: AppContext, id: string): Promise<Pick<LaneTrace, 'status' | 'reason'>> {
  const source = [...resolved.sources.values()].find(({ webhook }) => webhook === undefined)?.name ?? ''
  const { status, reason } = await laneOf(bindings, edgeLane).trace(edgeLane, { id, source })
  return { status, ...(reason === undefined ? {} : { reason }) }
}

/** Null when the stream cannot be read again: what is known then is what the sink got. */
async function acceptedOf(
  { resolved, bindings }: AppContext,
  { partitions }: Layout,
): Promise<{ total: number; items: DemoEvent[] } | null> {
  const { log } = resolved.stream
  if (log === undefined) return null
  const tails = await Promise.all(
    partitionsOf(partitions).map((partition) => log.partition(bindings, partition).tail(shown)),
  )
  const items = tails
    .flatMap(({ chunks }) => chunks)
    .toSorted((a, b) => b.at - a.at || b.offset - a.offset)
    .flatMap((chunk) => newestOf(chunk))
    .slice(0, shown)
    .map(({ envelope: { id, header, event } }) => ({ ...acceptedFrom({ id, event }), source: header.source }))
  return { total: tails.reduce((sum, { head }) => sum + head, 0), items }
}

/** The newest events of a chunk, as many as are shown. */
function newestOf(chunk: Chunk): OffsetEvent[] {
  const events: OffsetEvent[] = []
  for (const event of newestFirst(chunk)) {
    events.push(event)
    if (events.length === shown) break
  }
  return events
}

function acceptedFrom({ id, event }: { readonly id: string; readonly event: Event }): DemoEvent {
  const name = event.event ?? event.name
  return {
    id,
    type: event.type,
    ...(typeof name === 'string' ? { name } : {}),
    receivedAt: String(event.receivedAt),
    event,
  }
}

const warehousesOf = ({ resolved }: AppContext): Extract<Target, { kind: 'warehouse' }>[] =>
  [...resolved.targets.values()].filter((target) => target.kind === 'warehouse')

const partOf = <Value>(value: Promise<Value>): Promise<Part<Value>> =>
  value.catch((thrown: unknown) => ({ unavailable: reasonOf(thrown) }))

const isMissing = (value: object): value is { readonly unavailable: string } => 'unavailable' in value

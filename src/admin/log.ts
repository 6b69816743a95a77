import type { LogRpc } from '../core/bindings.ts'
import * as z from 'zod/mini'
import { type Envelope, unpack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import { unframe } from '../storage/frame.ts'
import type { AppContext } from '../core/app-context.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { limitUpTo, queryOf } from './body.ts'
import { gather } from './gather.ts'
import { partitionsOf } from '../core/lanes.ts'
import type { Chunk } from '../core/inbox.ts'

/** An event with its place in the log. */
export interface PlacedEvent {
  readonly partition: number
  readonly offset: number
  readonly envelope: Envelope
}

/** Takes a chunk apart. */
export const eventsIn = (chunk: Chunk, partition: number): PlacedEvent[] =>
  unpack(unframe(chunk.data)).map((envelope, i) => ({ partition, offset: chunk.offset + i, envelope }))

/** Partitions of the log; none when the stream is another. */
export const logPartitions = ({ resolved }: AppContext): number[] =>
  resolved.stream.log === undefined ? [] : partitionsOf(resolved.stream.partitions)

/** GET /log: offsets, segments and size of every partition. */
export async function listLog(c: AdminCall): Promise<Response> {
  const { values, failures } = await askLog(c, (log) => log.status())
  return adminResponse(c, { log: values, failures })
}

/** GET /events?limit=: the newest accepted events, newest first. */
export async function listEvents(c: AdminCall): Promise<Response> {
  const { limit = 50 } = queryOf(c, z.object({ limit: limitUpTo(500) }))
  const { values, failures } = await askLog(c, async (log, partition) => {
    const { chunks } = await log.tail(limit)
    return chunks.map((chunk) => ({ chunk, partition }))
  })
  const events = values
    .flat()
    .toSorted((a, b) => a.chunk.at - b.chunk.at)
    .flatMap(({ chunk, partition }) => eventsIn(chunk, partition))
    .slice(-limit)
    .toReversed()
    .map(({ partition, offset, envelope: { header, event } }) => ({
      partition,
      offset,
      source: header.source,
      receivedAt: header.receivedAt,
      to: header.to,
      event,
    }))
  return adminResponse(c, { events, failures })
}

function askLog<Value>(c: AdminCall, ask: (log: LogRpc, partition: number) => Promise<Value>) {
  const { stream } = c.env.resolved
  const { log } = stream
  if (log === undefined)
    throw new SluicewayError('not_found', `The stream is ${stream.name}: it cannot be read again by offset.`)
  return gather(
    logPartitions(c.env),
    (partition) => ask(log.partition(c.env.bindings, partition), partition),
    (partition) => `log ${partition}`,
  )
}

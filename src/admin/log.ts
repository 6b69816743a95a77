import type { LogRpc } from '../core/bindings.ts'
import * as z from 'zod/mini'
import type { Envelope } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import { newestFirst } from '../storage/newest-first.ts'
import { adminResponse, type AdminCall } from './responses.ts'
import { limitUpTo, queryOf } from './body.ts'
import { assertAnswered, gather } from './gather.ts'
import { knownLayout } from '../core/known-layout.ts'
import { logOf, partitionsOf } from '../core/lanes.ts'
import type { Chunk } from '../core/inbox.ts'

/** An event with its place in the log. */
export interface PlacedEvent {
  readonly partition: number
  readonly offset: number
  readonly envelope: Envelope
}

/** UTF-16 code units of the events of one answer. */
const eventsLength = 8_000_000

/** The event at an offset of a chunk. */
export function eventAt(chunk: Chunk, offset: number): Envelope | undefined {
  for (const one of newestFirst(chunk)) if (one.offset === offset) return one.envelope
  return undefined
}

/** GET /log: offsets, segments and size of every partition, also where the log was the stream before. */
export async function listLog(c: AdminCall): Promise<Response> {
  const { values, failures } = await askLog(c, (log) => log.status())
  assertAnswered(values, failures)
  return adminResponse(c, { log: values, failures })
}

const eventsQuery = z.object({ limit: limitUpTo(500) })

/** GET /events?limit=: the newest accepted events, newest first, at most about 8 MB of them. */
export async function listEvents(c: AdminCall): Promise<Response> {
  const { limit = 50 } = queryOf(c, eventsQuery)
  const { values, failures } = await askLog(c, async (log, partition) => {
    const { chunks } = await log.tail(limit)
    return chunks.map((chunk) => ({ chunk, partition }))
  })
  const chunks = values.flat().toSorted((a, b) => b.chunk.at - a.chunk.at || b.chunk.offset - a.chunk.offset)
  const events: object[] = []
  let left = eventsLength
  for (const { partition, chunk } of chunks) {
    for (const { offset, envelope } of newestFirst(chunk)) {
      if (events.length === limit || left <= 0) break
      left -= envelope.text.length
      const { header, event } = envelope
      events.push({ partition, offset, source: header.source, receivedAt: header.receivedAt, to: header.to, event })
    }
  }
  assertAnswered(events, failures)
  return adminResponse(c, { events, failures })
}
listEvents.query = eventsQuery

async function askLog<Value>(c: AdminCall, ask: (log: LogRpc, partition: number) => Promise<Value>) {
  const { stream } = c.env.resolved
  const { partitions } = await knownLayout(c.env)
  if (partitions === 0)
    throw new SluicewayError('not_found', `The stream is ${stream.name}: it cannot be read again by offset.`)
  return gather(
    partitionsOf(partitions),
    (partition) => ask(logOf(c.env, partition), partition),
    (partition) => `log ${partition}`,
  )
}

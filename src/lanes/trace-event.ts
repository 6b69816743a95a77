import type { Bindings, LaneStatus, LaneTrace } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { LaneReader } from './lane-reader.ts'
import type { LaneStore } from './lane-store.ts'
import { loadStateOf } from './load-state.ts'
import type { OrphanKeeper } from './orphan-keeper.ts'
import type { Sender } from './sender.ts'

/** Which event; `offset` is where the log holds it, when there is a log. */
interface TracedEvent {
  readonly id: string
  readonly source: string
  readonly offset?: number
}

/** What of a lane knows of its events. */
interface LaneParts {
  readonly ref: LaneRef
  readonly kind: LaneStatus['kind']
  readonly bindings: Bindings
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly reader: LaneReader
  readonly consumer: LaneConsumer | undefined
  readonly sender: Sender | undefined
  readonly orphan: OrphanKeeper | undefined
}

/**
 * Says what became of an event in a lane.
 *
 * @param event which one
 * @param lane the parts that know of it
 * @returns its status with every attempt; for a warehouse, its loader is asked
 */
export async function traceEvent({ id, source, ...event }: TracedEvent, lane: LaneParts): Promise<LaneTrace> {
  const { ref, store, sender, orphan } = lane
  const print = fingerprintOf(source, id)
  const offset = lane.reader.placeOf(print, event.offset)
  const load =
    lane.kind === 'warehouse' ? () => loadStateOf(lane.bindings, ref, { ...event, id, source, offset }) : undefined
  const letter = lane.letters.list({ limit: 1, messageId: id })[0]
  if (letter !== undefined) {
    const { reason, attempts, request, response } = letter
    const exchange = { ...(request === undefined ? {} : { request }), ...(response === undefined ? {} : { response }) }
    return { ...ref, status: 'dead', reason, attempts, letter: letter.id, ...exchange }
  }
  const row = orphan === undefined ? sender?.rowOf(id) : store.waiting.byId(id)
  if (row !== undefined) {
    const reason = row.due === null ? 'waits behind an earlier event of its key' : row.history.at(-1)?.reason
    return { ...ref, status: 'waiting', ...reasonOf(orphan?.reason ?? reason), attempts: row.history }
  }
  if (offset === undefined) return { ...ref, ...store.dropped.traceOf(source, id), ...(await load?.()), attempts: [] }
  const attempts = store.attemptsOf(offset)
  const final = sender === undefined ? offset < (lane.consumer?.committed ?? 0) : sender.isFinal(offset)
  if (!final) {
    const inR2 = lane.reader.isSpilled(print) ? 'waits in R2: what the lane keeps itself is up to its quota' : undefined
    return { ...ref, status: 'pending', ...reasonOf(orphan?.reason ?? inR2), attempts }
  }
  const last = attempts.at(-1)
  if (last?.reason?.startsWith('skip: ') === true)
    return { ...ref, status: 'skip', reason: last.reason.slice('skip: '.length), attempts: [] }
  return { ...ref, status: 'done', ...(await load?.()), attempts }
}

const reasonOf = (reason: string | undefined) => (reason === undefined ? {} : { reason })

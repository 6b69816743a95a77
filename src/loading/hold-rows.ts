import { cut } from '../core/cut.ts'
import { pack } from '../core/envelope.ts'
import { frame, joinFrames } from '../storage/frame.ts'
import type { Loading } from './load-group.ts'
import type { PendingRow } from './rows-of.ts'
import type { WaitingRows } from './part-rows.ts'

/** Events of one frame: only one is unpacked at once. */
const frameEvents = 200

/**
 * Writes what waits for tables to R2, one file for each. They wait once the slice is committed; a repeat of the slice writes the
 * same files again.
 *
 * @param slice its id; its end is fixed
 * @param waiting by table
 * @param loading where to
 */
export async function holdRows(slice: string, waiting: readonly WaitingRows[], loading: Loading): Promise<void> {
  const { held, bindings, target, from, port, billed } = loading
  const all = waiting.map((one) => ({ ...one, events: eventsOf(one.pending) }))
  const keys = held.plan(
    slice,
    all.map(({ table, whole, failure, events }) => ({ table, whole, failure, ids: events.map(({ id }) => id) })),
    { folder: `held/${target.name}`, from, now: port.now() },
  )
  for (const [i, { events }] of all.entries()) {
    const key = keys[i] as string
    const frames = [...cut(events, () => 1, { size: frameEvents })]
    const file = joinFrames(
      frames.map((some) => frame(some.map(({ header, text }) => pack(header, text).text).join(''))),
    )
    await bindings.BUCKET.put(key, file)
    billed.r2Writes++
    held.written(key, file.byteLength)
  }
}

const eventsOf = (pending: readonly PendingRow[]) =>
  pending.flatMap((one) => one.folded ?? [one]).map(({ envelope }) => envelope)

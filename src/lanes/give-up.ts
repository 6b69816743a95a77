import type { SkippedLane } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { LaneReader } from './lane-reader.ts'
import type { LaneStore } from './lane-store.ts'
import type { Sender } from './sender.ts'

/** Milliseconds that requests under way may take to end: less than the admin API waits for a lane. */
const mostMs = 8_000
const lookMs = 20

interface LaneParts {
  readonly ref: LaneRef
  readonly sender: Sender
  readonly reader: LaneReader
  readonly store: LaneStore
  readonly port: Port
}

/**
 * Gives up all that waits in a lane, what it has not read yet included. What is under way has left already: its outcome counts.
 *
 * @param by the person who wants it
 * @param lane its parts; a lane that was not stopped goes on afterwards, with what is new
 * @returns what was given up, stored by then; `busy` where requests did not end in time: the lane is stopped, and gave up nothing
 */
export async function giveUp(
  by: string,
  { ref, sender, reader, store, port }: LaneParts,
): Promise<Omit<SkippedLane, 'lane'>> {
  const { hold } = sender
  hold.beginPassing(by, port.now())
  for (const end = Date.now() + mostMs; sender.isBusy;) {
    if (Date.now() >= end) {
      hold.keepPassing()
      return { busy: true }
    }
    await new Promise<void>((resolve) => setTimeout(resolve, lookMs))
  }
  await reader.askForHead()
  const reason = `given up by ${by}`
  const events = sender.giveUp(reason)
  const unread = reader.passAll(reason)
  store.checkpoint(sender.committed, Date.now())
  port.log('warn', 'a person gave up what waited in a lane', { ...ref, by, events, unread })
  hold.endPassing()
  return { events, unread }
}

import type { LaneRpc, LaneStatus, SkippedLane } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import { giveUp } from './give-up.ts'
import type { LaneReader } from './lane-reader.ts'
import { LetterCalls } from './letter-calls.ts'

/** The calls with which a person stops the lane of a destination, or empties it; null for a lane of any other kind. */
export abstract class StopCalls extends LetterCalls implements Pick<LaneRpc, 'pause' | 'drain' | 'skip'> {
  protected abstract readonly reader: LaneReader

  /** How the lane is doing; counts the call. */
  abstract status(ref: LaneRef): Promise<LaneStatus>

  async pause(ref: LaneRef, by: string): Promise<LaneStatus | null> {
    this.desk.sender?.pause(by)
    return this.#statusOfSender(ref)
  }

  async drain(ref: LaneRef, by: string): Promise<LaneStatus | null> {
    const { sender, changed } = this.desk
    if (sender !== undefined) {
      sender.drain(by, await this.reader.currentHead())
      changed()
    }
    return this.#statusOfSender(ref)
  }

  async skip(ref: LaneRef, by: string): Promise<SkippedLane | null> {
    const { sender, changed, billed } = this.desk
    if (sender === undefined) {
      billed.calls++
      return null
    }
    const given = await giveUp(by, { ...this.desk, sender, reader: this.reader })
    changed()
    return { ...given, lane: await this.status(ref) }
  }

  async #statusOfSender(ref: LaneRef): Promise<LaneStatus | null> {
    const status = await this.status(ref)
    return this.desk.sender === undefined ? null : status
  }
}

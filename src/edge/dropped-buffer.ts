import { type DroppedSample, mostDropped } from '../core/dropped.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'

/** Different reasons in one sum: names of bots come from outside. */
const mostReasons = 32
/** UTF-16 code units of a reason. */
const longestReason = 200
/** UTF-16 code units of a messageId, which has no limit of its own. */
const longestId = 1_000

/** One event that was not taken. */
export interface DroppedEvent {
  readonly messageId: string
  readonly reason: string
}

/** What one isolate did not take and has not told yet. What is beyond the bounds is counted, and told by no trace. */
export class DroppedBuffer {
  #samples = new Map<string, { reason: string; at: number; source: string; messageIds: string[] }>()
  #events = 0

  /** @param now milliseconds since the epoch */
  add(source: string, events: readonly DroppedEvent[], now: number): void {
    for (const { messageId, reason: given } of events) {
      if (this.#events >= mostDropped) return
      if (messageId === '' || messageId.length > longestId) continue
      const reason = given.slice(0, longestReason)
      const key = `${source} ${reason}`
      let sample = this.#samples.get(key)
      if (sample === undefined) {
        if (this.#samples.size >= mostReasons) continue
        this.#samples.set(key, (sample = { reason, at: now, source, messageIds: [] }))
      }
      sample.at = now
      sample.messageIds.push(messageId)
      this.#events++
    }
  }

  /** Gives what has come together. */
  take(): readonly DroppedSample[] {
    const samples = [...this.#samples.values()]
    this.#samples = new Map()
    this.#events = 0
    return samples
  }
}

/** What this isolate did not take. */
export const droppedBufferOf = perIsolate((_resolved: ResolvedConfig) => new DroppedBuffer())

import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import { backoffMs } from '../core/retry.ts'
import type { Deadlines } from './deadlines.ts'
import { readResult, type RemoteResult, type RemoteTask, writeTask } from './remote-wire.ts'

/** What another invocation offers a lane; see RemoteGroups. */
export interface RemoteCalls {
  readonly forward: (text: string) => Promise<string>
  readonly [Symbol.dispose]?: () => void
}

interface PoolTools {
  readonly ref: LaneRef
  readonly port: Port
  readonly deadlines: Deadlines
  /** Begins another invocation. */
  readonly open: () => PromiseLike<RemoteCalls>
  /** Groups that one invocation has under way at most. */
  readonly slots: number
  /** Called with the subrequests of the lane before they are made. */
  readonly spend: (subrequests: number) => void
}

/** Another invocation, and what it has to do. */
interface Invocation {
  readonly calls: PromiseLike<RemoteCalls>
  active: number
  groups: number
  /** True when it gets no more. */
  isOver: boolean
}

/** Groups after which an invocation gets no more: its CPU time is limited. */
const mostGroups = 500
/** Milliseconds after which a call that nothing is heard of counts as dead: far more than the time-outs in it. */
const mostMs = 900_000
/** How long a lane sends by itself after an invocation has died. */
const waitOf = { baseSeconds: 10, capSeconds: 300 }

/**
 * The other invocations of the Worker that send for a lane, each with connections of its own. They begin when they are needed,
 * and end when they have nothing to do.
 */
export class SenderPool {
  readonly #tools: PoolTools
  readonly #invocations = new Set<Invocation>()
  /** Deaths since the last answer. */
  #deaths = 0
  #closedUntil = 0

  constructor(tools: PoolTools) {
    this.#tools = tools
  }

  /** False for a while after an invocation has died. */
  isOpen(now: number): boolean {
    return now >= this.#closedUntil
  }

  /**
   * Has a group forwarded by another invocation.
   *
   * @returns what it did; undefined where the invocation died, so that nobody knows
   * @throws {Error} where the delivery broke inside
   */
  async forward(task: RemoteTask): Promise<RemoteResult | undefined> {
    const { deadlines, spend } = this.#tools
    const text = writeTask(task)
    const one = this.#take()
    let answer: string
    spend(1)
    try {
      const calling = async () => (await one.calls).forward(text)
      answer = await deadlines.race(calling(), mostMs, 'another invocation')
      this.#deaths = 0
    } catch (error) {
      this.#die(one, reasonOf(error))
      this.#leave(one)
      return undefined
    }
    try {
      const result = readResult(answer, task)
      if (result.isSpent || result.outcomes.some(({ code }) => code === 'platform')) one.isOver = true
      return result
    } finally {
      this.#leave(one)
    }
  }

  /** The fullest that has a slot, so that the others come to their end; else a new one. */
  #take(): Invocation {
    let best: Invocation | undefined
    for (const one of this.#invocations)
      if (!one.isOver && one.active < this.#tools.slots && (best === undefined || one.active > best.active)) best = one
    if (best === undefined) {
      this.#tools.spend(1)
      best = { calls: this.#tools.open(), active: 0, groups: 0, isOver: false }
      this.#invocations.add(best)
    }
    best.active++
    best.groups++
    if (best.groups >= mostGroups) best.isOver = true
    return best
  }

  #leave(one: Invocation): void {
    one.active--
    if (one.active > 0) return
    this.#invocations.delete(one)
    void one.calls.then(
      (calls) => calls[Symbol.dispose]?.(),
      () => undefined,
    )
  }

  #die(one: Invocation, reason: string): void {
    // All that it had under way dies with it, and says so once.
    if (one.isOver && !this.isOpen(this.#tools.port.now())) return
    one.isOver = true
    const { port, ref } = this.#tools
    this.#deaths++
    this.#closedUntil = port.now() + backoffMs(this.#deaths, 1, waitOf)
    port.log('warn', 'an invocation that sent for a lane died; the lane sends by itself for a while', { ...ref, reason })
  }
}

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
  isDead: boolean
}

/** Groups after which an invocation gets no more: its CPU time is limited. */
const mostGroups = 500
/** Milliseconds after which a call that nothing is heard of counts as dead: far more than the time-outs in it. */
const mostMs = 900_000
/** How long there are fewer after one has died. */
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
  /** Invocations that there may be until `#fewerUntil`: the platform may not let a lane have more. */
  #most = 0
  #fewerUntil = 0

  constructor(tools: PoolTools) {
    this.#tools = tools
  }

  /** True while it can take one more group. */
  hasRoom(now: number): boolean {
    return now >= this.#fewerUntil || this.#invocations.size < this.#most || this.#fullest() !== undefined
  }

  /**
   * Has a group forwarded by another invocation.
   *
   * @returns what it did; undefined where the invocation died, so that nobody knows
   * @throws {Error} where the delivery broke inside
   */
  async forward(task: RemoteTask): Promise<RemoteResult | undefined> {
    const text = writeTask(task)
    const one = this.#fullest() ?? this.#begin()
    one.active++
    one.groups++
    if (one.groups >= mostGroups) one.isOver = true
    try {
      const answer = await this.#answerOf(one, text)
      if (answer === undefined) return undefined
      const result = readResult(answer, task)
      if (result.isSpent || result.outcomes.some(({ code }) => code === 'platform')) one.isOver = true
      return result
    } finally {
      this.#leave(one)
    }
  }

  /** Undefined where the invocation died. */
  async #answerOf(one: Invocation, text: string): Promise<string | undefined> {
    const call = async () => (await one.calls).forward(text)
    try {
      const answer = await this.#tools.deadlines.race(call(), mostMs, 'another invocation')
      this.#deaths = 0
      return answer
    } catch (error) {
      this.#die(one, reasonOf(error))
      return undefined
    }
  }

  /** The one with the most to do that has a slot, so that the others come to their end. */
  #fullest(): Invocation | undefined {
    let best: Invocation | undefined
    for (const one of this.#invocations)
      if (!one.isOver && one.active < this.#tools.slots && (best === undefined || one.active > best.active)) best = one
    return best
  }

  #begin(): Invocation {
    const { spend, open } = this.#tools
    // A call of what `open` gives is no subrequest: workerd counts calls of bindings (api/http.c++), not those (api/worker-rpc.c++).
    spend(1)
    const one = { calls: open(), active: 0, groups: 0, isOver: false, isDead: false }
    this.#invocations.add(one)
    return one
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
    if (one.isDead) return
    one.isDead = true
    one.isOver = true
    const { port, ref } = this.#tools
    const now = port.now()
    this.#most = Math.min(now < this.#fewerUntil ? this.#most : Infinity, this.#invocations.size - 1)
    this.#deaths++
    this.#fewerUntil = now + backoffMs(this.#deaths, 1, waitOf)
    port.log('warn', 'an invocation that sent for a lane died', { ...ref, reason, left: this.#most })
  }
}

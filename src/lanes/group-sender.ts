import type { Port } from '../core/port.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Target } from '../core/resolved-config.ts'
import { CONNECTIONS_PER_INVOCATION, ISOLATES_PER_INVOCATION } from '../platform/limits.ts'
import { Deadlines } from './deadlines.ts'
import type { Delivery } from './deliver.ts'
import { forwardGroup } from './forward-group.ts'
import type { InFlightEvent } from './in-flight-events.ts'
import type { LaneStore } from './lane-store.ts'
import { ParallelLimit } from './parallel-limit.ts'
import { type RemoteCalls, SenderPool } from './sender-pool.ts'

/** UTF-16 code units of a group that another invocation may be given: what goes there is copied twice. */
const mostLength = 1_000_000

/** How a lane reaches other invocations that send for it. */
export interface RemoteSenders {
  /** Begins an invocation for the lane's destination. */
  readonly open: () => PromiseLike<RemoteCalls>
  /** Called with the subrequests that this takes before they are made. */
  readonly spend: (subrequests: number) => void
}

interface GroupSenderTools {
  readonly target: Extract<Target, { kind: 'destination' }>
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly port: Port
  readonly userCodeMs: number
  /** Requests under way at once that the config allows this lane. */
  readonly share: number
  /** Left out where the lane sends everything by itself. */
  readonly remote: RemoteSenders | undefined
}

/** Sends groups of one lane: through its own connections, and through those of other invocations while all of these are in use. */
export class GroupSender {
  readonly #tools: GroupSenderTools
  readonly #deadlines = new Deadlines()
  readonly #limit: ParallelLimit
  readonly #pool: SenderPool | undefined
  /** Groups that the lane may have under way by itself. */
  readonly #mostOwn: number
  #own = 0
  #active = 0

  constructor(tools: GroupSenderTools) {
    this.#tools = tools
    const { target, share, remote } = tools
    const { use, transforms = [] } = target.route
    this.#mostOwn = Math.min(use.limits.parallel, share, CONNECTIONS_PER_INVOCATION)
    // A destination that takes fewer at once says so.
    const isWide = use.limits.parallel >= CONNECTIONS_PER_INVOCATION
    this.#limit = new ParallelLimit(this.#mostOwn, isWide && remote !== undefined ? share : this.#mostOwn)
    const isolates = transforms.filter(({ runBatch }) => runBatch !== undefined).length
    if (remote !== undefined)
      this.#pool = new SenderPool({
        ...tools,
        ...remote,
        deadlines: this.#deadlines,
        slots: isolates > ISOLATES_PER_INVOCATION ? ISOLATES_PER_INVOCATION : CONNECTIONS_PER_INVOCATION,
      })
  }

  /** Groups under way. */
  get active(): number {
    return this.#active
  }

  /** True while one more group may be sent. */
  hasRoom(now: number): boolean {
    return this.#active < this.#limit.at(now) && (this.#own < this.#mostOwn || this.#pool?.hasRoom(now) === true)
  }

  /**
   * Sends a group, as `forwardGroup` does.
   *
   * @param group in order, at least one event
   * @param isProven true when the destination took events lately
   */
  async send(group: readonly InFlightEvent[], isProven: boolean): Promise<Delivery | undefined> {
    const { target, ref, store, port, userCodeMs } = this.#tools
    const pool = this.#own < this.#mostOwn || lengthOf(group) > mostLength ? undefined : this.#pool
    this.#active++
    if (pool === undefined) this.#own++
    const options = { ref, store, port, userCodeMs, deadlines: this.#deadlines, isProven, pool }
    const delivery = await forwardGroup(group, target, options)
    const now = port.now()
    const wasFull = this.#active >= this.#limit.at(now)
    this.#active--
    if (pool === undefined) this.#own--
    if (delivery !== undefined) this.#limit.note({ now, sent: delivery.sent, wasFull })
    return delivery
  }

  /** Forgets how many requests at once the destination took. */
  reset(): void {
    this.#limit.reset()
  }
}

const lengthOf = (group: readonly InFlightEvent[]): number =>
  group.reduce((sum, { envelope }) => sum + envelope.text.length, 0)

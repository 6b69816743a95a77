import type { LaneStorage } from '../core/bindings.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import type { ObjectTotals } from '../storage/chunk-objects.ts'

/** Megabytes of a target's quota, where the config says nothing. */
const defaultMegabytes = 1_000
/** The share of the quota at which a person is warned, and below which the warning may come again. */
const warnAt = 0.8
const warnAgainBelow = 0.7
/** Bytes that an inbox may take beside rows that take all of the quota: an object in R2 for each push would cost more than it saves. */
const leastInboxBytes = 250_000
/** One object has 10 GB (https://developers.cloudflare.com/durable-objects/platform/limits/, checked 2026-11-29), with dead letters and attempts. */
const mostLaneBytes = 5_000_000_000
/** Rows that a lane keeps at most: of each, a little is in memory. */
const mostRows = 400_000

/**
 * Bytes that the undelivered events of one lane may take: an even share of what its target has.
 *
 * @param target of the config; undefined when it is gone from it
 * @param lanes of the target, one for each partition
 */
export function quotaOfLane(target: Target | undefined, lanes: number): number {
  const quota = target === undefined || target.kind === 'archive' ? undefined : target.route.quota
  return Math.min(mostLaneBytes, ((quota?.megabytes ?? defaultMegabytes) * 1_000_000) / lanes)
}

interface LaneQuotaOptions {
  readonly ref: LaneRef
  readonly port: Port
  /** Bytes that this lane may take: its share of the quota of its target. */
  readonly bytes: number
}

/** What takes storage of a lane, and what it has in R2. */
export interface QuotaUses {
  /** Rows of events that failed, or wait behind one that did. */
  readonly rows: number
  readonly rowBytes: number
  readonly inboxBytes: number
  readonly spilled: ObjectTotals
  /** Why R2 does not take what is too much. */
  readonly failure: string | undefined
}

/**
 * How much of its object's storage the undelivered events of a lane may take: what is beyond it goes to R2 as far as it came by
 * push, and stays in the log otherwise. Nothing is ever dropped because of it.
 */
export class LaneQuota {
  readonly #options: LaneQuotaOptions
  #isWarned = false

  constructor(options: LaneQuotaOptions) {
    this.#options = options
  }

  /** True where rows of events that failed take all of it: the lane reads nothing more until some are gone. */
  isFull({ rows, rowBytes }: Pick<QuotaUses, 'rows' | 'rowBytes'>): boolean {
    return rowBytes >= this.#options.bytes || rows >= mostRows
  }

  /** Bytes that the inbox may take beside rows. */
  inboxLimit(rowBytes: number): number {
    const { bytes } = this.#options
    return Math.max(Math.min(leastInboxBytes, bytes), bytes - rowBytes)
  }

  /** Says how much is used; undefined where nothing is, and nothing is in R2. */
  describe(uses: QuotaUses): LaneStorage | undefined {
    const { rowBytes, inboxBytes, spilled } = uses
    const bytes = Math.max(0, rowBytes + inboxBytes)
    if (bytes === 0 && spilled.objects === 0) return undefined
    const warning = this.#warning(uses)
    return {
      bytes,
      quota: this.#options.bytes,
      ...(spilled.objects === 0
        ? {}
        : { spilled: { objects: spilled.objects, events: spilled.events, bytes: spilled.bytes } }),
      ...(warning === undefined ? {} : { warning }),
    }
  }

  /** Logs once when the lane comes to 80 % of its quota, and again after it was below 70 %. */
  note(uses: QuotaUses): void {
    const { ref, port } = this.#options
    const warning = this.#warning(uses)
    if (warning === undefined) {
      if (this.#shareOf(uses) < warnAgainBelow) this.#isWarned = false
      return
    }
    if (this.#isWarned) return
    this.#isWarned = true
    port.log('warn', 'a lane comes to its quota', { ...ref, reason: warning })
  }

  #shareOf({ rows, rowBytes, inboxBytes }: QuotaUses): number {
    return Math.max((rowBytes + inboxBytes) / this.#options.bytes, rows / mostRows)
  }

  #warning(uses: QuotaUses): string | undefined {
    const share = this.#shareOf(uses)
    const { objects, events } = uses.spilled
    if (share < warnAt && objects === 0 && uses.failure === undefined) return undefined
    const takes = `undelivered events take ${Math.round(share * 100)} % of the quota`
    if (uses.failure !== undefined) return `${takes}, and R2 does not take what is beyond it: ${uses.failure}`
    if (this.isFull(uses)) return `${takes} as rows of failed events: the lane reads nothing more until some are gone`
    return objects > 0 ? `${takes}, and ${events} are in R2` : takes
  }
}

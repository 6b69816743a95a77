import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery } from './deliver.ts'
import { forward, type ForwardedEvent, forwardPlain, isPlain } from './forward.ts'
import type { InFlightEvent } from './in-flight-events.ts'
import type { LaneStore } from './lane-store.ts'
import type { SenderPool } from './sender-pool.ts'

interface GroupOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly port: Port
  readonly userCodeMs: number
  readonly isProven: boolean
  readonly deadlines: Deadlines
  /** Where the events are forwarded; the lane's own invocation when undefined. */
  readonly pool: SenderPool | undefined
}

/**
 * Forwards events of a lane as what was decided about them, and keeps what is decided now for those that are tried again.
 *
 * Whoever carries out the outcomes forgets the decision about an event that has its final verdict.
 *
 * @param group in order
 * @param target the destination
 * @param options the lane, and what `forward` takes
 * @returns an outcome for every event and the requests sent; undefined where the invocation that had them died, so that nobody
 *   knows; never rejects
 */
export async function forwardGroup(
  group: readonly InFlightEvent[],
  target: Extract<Target, { kind: 'destination' }>,
  { ref, store, pool, ...options }: GroupOptions,
): Promise<Delivery | undefined> {
  const { decisions } = store
  try {
    const isBare = decisions.isEmpty && isPlain(target) && pool === undefined
    const events: ForwardedEvent[] = isBare
      ? []
      : group.map(({ offset, envelope }) => ({ envelope, decision: decisions.get(offset, envelope) }))
    const forwarded = await (isBare
      ? forwardPlain(
          group.map(({ envelope }) => envelope),
          target,
          options,
        )
      : pool === undefined
        ? forward(events, target, { ...options, count: (steps) => store.countSteps(steps) })
        : pool.forward({ events, isProven: options.isProven }))
    if (forwarded === undefined) return undefined
    if ('steps' in forwarded) store.countSteps(forwarded.steps)
    for (const [i, decision] of forwarded.decisions.entries()) {
      const verdict = forwarded.outcomes[i]?.verdict.kind
      const { offset, envelope } = group[i] as InFlightEvent
      const isTriedAgain = verdict === 'retry' || verdict === 'pause'
      if (isTriedAgain && decision !== undefined && decision !== events[i]?.decision)
        decisions.put(offset, decision, envelope)
    }
    return forwarded
  } catch (error) {
    const verdict = { kind: 'retry', reason: `internal: ${reasonOf(error)}` } as const
    options.port.log('error', 'a delivery broke', { ...ref, reason: reasonOf(error) })
    return { outcomes: group.map(() => ({ verdict, code: 'internal' })), sent: [] }
  }
}

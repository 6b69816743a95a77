import type { LaneStatus } from '../core/bindings.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import type { LaneReader } from './lane-reader.ts'
import { OrphanKeeper } from './orphan-keeper.ts'
import { Sender } from './sender.ts'

/** What a lane is made of, as far as its status tells of it. */
interface LaneParts {
  readonly consumer: LaneConsumer | undefined
  readonly reader: LaneReader
  /** What the parts do not know. */
  readonly rest: Pick<
    LaneStatus,
    'target' | 'partition' | 'kind' | 'deadLetters' | 'counters' | 'transforms' | 'changedAt' | 'billed'
  >
}

/**
 * Describes how a lane is doing.
 *
 * @param parts of the lane
 * @returns its status now; fields that say nothing are left out
 */
export function describeLane({ consumer, reader, rest }: LaneParts): LaneStatus {
  const sender = consumer instanceof Sender ? consumer : undefined
  const orphan = consumer instanceof OrphanKeeper ? consumer : undefined
  const { state = 'idle', reason, since, lastError, position = reader.head, committed = position } = consumer ?? {}
  const nextAttemptAt = sender !== undefined || since !== undefined ? consumer?.due() : undefined
  const waiting = sender?.waiting ?? orphan?.waiting ?? 0
  const unread = orphan?.unread(reader.head) ?? Math.max(0, reader.head - position - (sender?.settled ?? 0))
  const held = sender?.held ?? position - committed
  const { storage } = reader
  const oldest = consumer?.oldest ?? (unread > 0 ? reader.timeOf(committed) : undefined)
  return {
    ...rest,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since }),
    ...(lastError === undefined ? {} : { lastError }),
    depth: unread + held + waiting,
    waiting,
    ...(storage === undefined ? {} : { storage }),
    oldestSeconds: oldest === undefined ? 0 : Math.max(0, Math.round((Date.now() - oldest) / 1000)),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
    ...(sender?.draining === undefined ? {} : { drain: sender.draining }),
    ...(orphan?.goneSince === undefined ? {} : { orphanedAt: orphan.goneSince }),
  }
}

import type { Bindings } from '../core/bindings.ts'
import { type Header, pack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import { edgeTarget } from '../core/lanes.ts'
import type { ResolvedConfig, Target } from '../core/resolved-config.ts'
import { frame } from '../storage/frame.ts'
import type { DeadLetters } from './dead-letters.ts'
import { type LaneStore, replayBase } from './lane-store.ts'
import { replayedTextOf } from './replayed-text.ts'
import type { Sender } from './sender.ts'
import { stageReplayedLetter } from './stage-replayed-letter.ts'

/** Where a lane's letters are, and where they go. */
interface LetterRoute {
  readonly ref: LaneRef
  readonly target: Target | undefined
  readonly bindings: Bindings
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly sender: Sender | undefined
  /** Bounds of timestamps. */
  readonly limits: ResolvedConfig['limits']
}

/**
 * Queues a dead letter again under its own messageId, and removes it.
 *
 * @param number of the letter
 * @param lane where it is
 * @returns false when there is no such letter
 * @throws {SluicewayError} conflict when nothing delivers what is in this lane
 */
export async function replayLetter(number: number, lane: LetterRoute): Promise<boolean> {
  const { ref, target, bindings, store, letters, sender } = lane
  const letter = letters.getStored(number)
  if (letter === null) return false
  const header: Header = {
    id: letter.messageId,
    key: letter.key,
    source: letter.source,
    receivedAt: letter.receivedAt,
    to: [ref.target],
    facts: {},
  }
  const text = replayedTextOf(letter, lane.limits)
  const count = Number(store.get('replays') ?? 0) + 1
  store.set('replays', `${count}`)
  if (sender !== undefined) sender.replay(replayBase + count, letters.offsetOf(number) ?? -1, header, text)
  else if (target?.kind === 'warehouse')
    await stageReplayedLetter(bindings, ref, {
      name: `replay-${count}`,
      data: frame(pack(header, text).text),
      event: { id: letter.messageId, source: letter.source },
    })
  else
    throw new SluicewayError(
      'conflict',
      ref.target === edgeTarget
        ? 'Letters of the edge are replayed through the edge.'
        : `"${ref.target}" is no longer in the config: put it back to replay, or discard the letters.`,
    )
  letters.remove(number)
  store.count('replayed')
  return true
}

import type { Bindings } from '../core/bindings.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import { Envelope, type Header, pack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import { edgeTarget } from '../core/lanes.ts'
import type { Port } from '../core/port.ts'
import type { ResolvedConfig, Target } from '../core/resolved-config.ts'
import { frame } from '../storage/frame.ts'
import { packDecided } from './chunk-decider.ts'
import type { DeadLetters } from './dead-letters.ts'
import { decide } from './decide.ts'
import { type LaneStore, replayBase } from './lane-store.ts'
import { letterOf } from './letter-of.ts'
import { replayedTextOf } from './replayed-text.ts'
import type { Sender } from './sender.ts'
import { stageReplayedLetter } from './stage-replayed-letter.ts'

/** Where a lane's letters are, and where they go. */
export interface LetterRoute {
  readonly ref: LaneRef
  readonly target: Target | undefined
  readonly bindings: Bindings
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly sender: Sender | undefined
  /** Bounds of timestamps, and of the time of transforms. */
  readonly limits: ResolvedConfig['limits']
  readonly port: Port
  /** Takes a letter of the edge in again, as a new event; undefined in all other lanes. */
  readonly replayEdge?: ((letter: DeadLetter) => Promise<unknown>) | undefined
}

/** Queues an event in a lane as if it were new, behind all that its stream holds now; `origin` is its place there, or -1. */
export function queueAgain(
  { header, text }: Envelope,
  origin: number,
  { ref, store, sender }: Pick<LetterRoute, 'ref' | 'store' | 'sender'>,
): void {
  const count = Number(store.get('replays') ?? 0) + 1
  store.set('replays', `${count}`)
  sender?.replay(replayBase + count, origin, { ...header, to: [ref.target] }, text)
}

/**
 * Queues a dead letter again under its own messageId, and removes it.
 *
 * @param number of the letter
 * @param lane where it is
 * @returns false when there is no such letter
 * @throws {SluicewayError} conflict when nothing delivers what is in this lane, or the transforms of a warehouse cannot be run
 */
export async function replayLetter(number: number, lane: LetterRoute): Promise<boolean> {
  const { ref, target, bindings, store, letters, sender } = lane
  const letter = letters.getStored(number)
  if (letter === null) return false
  if (ref.target === edgeTarget && lane.replayEdge !== undefined) {
    await lane.replayEdge(letters.get(number) as DeadLetter)
    // A repeat of what is durable by now is dropped as a duplicate.
    letters.remove(number)
    store.count('replayed')
    return true
  }
  const header: Header = {
    id: letter.messageId,
    key: letter.key,
    source: letter.source,
    receivedAt: letter.receivedAt,
    to: [ref.target],
    facts: letter.facts ?? {},
    ...(letter.rest === undefined ? {} : { earlier: letter.rest }),
    ...(letter.users === undefined ? {} : { users: letter.users }),
  }
  const text = replayedTextOf(letter, lane.limits)
  const count = Number(store.get('replays') ?? 0) + 1
  store.set('replays', `${count}`)
  if (sender !== undefined) sender.replay(replayBase + count, letters.offsetOf(number) ?? -1, header, text)
  else if (target?.kind === 'warehouse') {
    const parts = await partsOf(new Envelope(header, text), number, { ...lane, target }, letter.transformed === true)
    if (parts.length > 0)
      await stageReplayedLetter(bindings, ref, {
        name: `replay-${count}`,
        data: frame(parts.join('')),
        events: parts.length,
        event: { id: letter.messageId, source: letter.source },
      })
  } else
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

/**
 * Makes what is to be staged of a warehouse's letter, as lines: what its transforms make of it now, unless it is what they
 * made before. Where they fail again, a new letter says why.
 */
async function partsOf(
  envelope: Envelope,
  number: number,
  lane: LetterRoute & { readonly target: Target },
  isTransformed: boolean,
): Promise<readonly string[]> {
  const { target, store, letters, port, limits } = lane
  if (isTransformed) return [packDecided(envelope, target.name)]
  if ((target.route.transforms ?? []).length === 0) return [pack(envelope.header, envelope.text).text]
  const { userCodeMs } = limits
  const count = (steps: Parameters<LaneStore['countSteps']>[0]) => store.countSteps(steps)
  const [made] = await decide([envelope], target, { port, userCodeMs, count })
  if (made === undefined || 'undecided' in made) {
    const { verdict } = made?.undecided ?? { verdict: undefined }
    throw new SluicewayError(
      'conflict',
      verdict !== undefined && 'reason' in verdict ? verdict.reason : 'Try it again.',
    )
  }
  const { parts, settled } = made
  if (settled?.verdict.kind === 'dead') {
    const { reason } = settled.verdict
    letters.add(letterOf(envelope, settled, { reason }), port.now(), letters.offsetOf(number) ?? null)
    store.count('dead')
  } else if (settled?.verdict.kind === 'skip' && parts.length === 0) store.count(`skip: ${settled.verdict.reason}`)
  return parts.map((part) => packDecided(part, target.name, envelope.text))
}

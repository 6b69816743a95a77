import { laneOf } from '../core/bindings.ts'
import { edgeTarget } from '../core/dead-letter.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { World } from '../core/world.ts'
import { acceptMended } from '../pipeline/reaccept.ts'
import { letterRef, type LetterRef } from './refs.ts'

/** What became of letters that somebody wanted to send again. */
export interface Resent {
  readonly replayed: readonly string[]
  /** Those that stay letters, with the reason. */
  readonly failed: readonly { readonly id: string; readonly reason: string }[]
}

/**
 * Sends dead letters again, under their own messageIds: those of the edge through the edge, others in their lane.
 *
 * A letter is forgotten only once its event is durable elsewhere; killed in between, the event goes out twice with one id.
 *
 * @param ids letters; ids that no longer exist are passed over
 * @param world config and bindings
 * @returns which were sent again and which were not
 */
export async function replay(ids: readonly string[], world: World): Promise<Resent> {
  const replayed: string[] = []
  const failed: { id: string; reason: string }[] = []
  for (const refs of byLane(ids)) {
    const [first] = refs
    if (first === undefined) continue
    const lane = laneOf(world.bindings, first)
    if (first.target === edgeTarget) {
      for (const ref of refs) {
        const letter = await lane.letter(ref, ref.number)
        if (letter === null) continue
        try {
          await acceptMended(letter, world)
          await lane.discard(ref, [ref.number])
          replayed.push(letter.id)
        } catch (error) {
          if (!(error instanceof SluicewayError)) throw error
          failed.push({ id: letter.id, reason: error.message })
        }
      }
      continue
    }
    if (!world.resolved.targets.has(first.target)) {
      const reason = `"${first.target}" is no longer in the config: put it back to replay, or discard the letter.`
      for (const ref of refs) failed.push({ id: idOf(ref), reason })
      continue
    }
    try {
      const found = await lane.replay(
        first,
        refs.map(({ number }) => number),
      )
      for (const number of found) replayed.push(idOf({ ...first, number }))
    } catch (error) {
      for (const ref of refs) failed.push({ id: idOf(ref), reason: reasonOf(error) })
    }
  }
  return { replayed, failed }
}

/**
 * Forgets dead letters.
 *
 * @returns the ids that existed
 */
export async function discard(ids: readonly string[], world: World): Promise<string[]> {
  const gone: string[] = []
  for (const refs of byLane(ids)) {
    const [first] = refs
    if (first === undefined) continue
    const found = await laneOf(world.bindings, first).discard(
      first,
      refs.map(({ number }) => number),
    )
    for (const number of found) gone.push(idOf({ ...first, number }))
  }
  return gone
}

const idOf = ({ target, partition, number }: LetterRef): string => `${target}:${partition}:${number}`

/** Groups letters by lane, each group in the order in which the letters came about. */
function byLane(ids: readonly string[]): LetterRef[][] {
  const groups = Map.groupBy(ids.map(letterRef), ({ target, partition }) => `${target}:${partition}`)
  return [...groups.values()].map((refs) => refs.toSorted((a, b) => a.number - b.number))
}

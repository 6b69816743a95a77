import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { replayEdgeLetter } from '../edge/replay-edge-letter.ts'
import { publicErrorOf } from './responses.ts'
import { laneName, laneOf, edgeTarget } from '../core/lanes.ts'
import type { LaneRef } from '../core/inbox.ts'

/** A letter by its place. */
export interface LetterPlace {
  readonly ref: LaneRef
  readonly number: number
}

/** What became of letters, by id. */
export interface LetterOutcome {
  readonly done: readonly string[]
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[]
}

/**
 * Sends dead letters on their way again, oldest first within a lane, each under its own messageId.
 *
 * A letter of a lane (stage delivery, load) is queued in that lane. A letter of the edge (stage ingest, transform) goes the
 * whole way of a new event, and is discarded once that is durable: if it fails in between, a repeat is dropped as a duplicate.
 *
 * @param places which letters
 * @returns what was replayed, and why the others were not; those stay as they are
 */
export const replay = (places: readonly LetterPlace[], app: AppContext): Promise<LetterOutcome> =>
  actByLane(places, app, async (ref, numbers) => {
    if (ref.target === edgeTarget) return replayFromEdge(ref, numbers, app)
    if (!app.resolved.targets.has(ref.target))
      throw new SluicewayError(
        'conflict',
        `"${ref.target}" is no longer in the config: put it back to replay, or discard its letters.`,
      )
    return outcomeOf(ref, numbers, await laneOf(app.bindings, ref).replay(ref, numbers))
  })

/** Forgets dead letters. */
export const discard = (places: readonly LetterPlace[], app: AppContext): Promise<LetterOutcome> =>
  actByLane(places, app, async (ref, numbers) =>
    outcomeOf(ref, numbers, await laneOf(app.bindings, ref).discard(ref, numbers)),
  )

async function replayFromEdge(ref: LaneRef, numbers: readonly number[], app: AppContext): Promise<LetterOutcome> {
  const lane = laneOf(app.bindings, ref)
  const done: string[] = []
  const failed: LetterOutcome['failed'][number][] = []
  for (const number of numbers) {
    const letter = await lane.letter(ref, number)
    if (letter === null) {
      failed.push(missingLetter(ref, number))
      continue
    }
    try {
      await replayEdgeLetter(letter, app)
      await lane.discard(ref, [number])
      done.push(letter.id)
    } catch (error) {
      failed.push({ id: letter.id, ...logAndHideError(error, ref, app) })
    }
  }
  return { done, failed }
}

async function actByLane(
  places: readonly LetterPlace[],
  app: AppContext,
  act: (ref: LaneRef, numbers: readonly number[]) => Promise<LetterOutcome>,
): Promise<LetterOutcome> {
  const lanes = Map.groupBy(places, ({ ref }) => laneName(ref))
  const outcomes = await Promise.all(
    [...lanes.values()].map(async (group): Promise<LetterOutcome> => {
      const { ref } = group[0] as LetterPlace
      const numbers = [...new Set(group.map(({ number }) => number))].toSorted((a, b) => a - b)
      try {
        return await act(ref, numbers)
      } catch (error) {
        const why = logAndHideError(error, ref, app)
        return { done: [], failed: numbers.map((number) => ({ id: idOf(ref, number), ...why })) }
      }
    }),
  )
  return { done: outcomes.flatMap(({ done }) => done), failed: outcomes.flatMap(({ failed }) => failed) }
}

function logAndHideError(error: unknown, ref: LaneRef, app: AppContext) {
  const why = publicErrorOf(error)
  if (why.code === 'internal')
    app.port.log('error', 'dead letters could not be moved', { lane: laneName(ref), reason: reasonOf(error) })
  return why
}

function outcomeOf(ref: LaneRef, numbers: readonly number[], found: readonly number[]): LetterOutcome {
  const known = new Set(found)
  return {
    done: found.map((number) => idOf(ref, number)),
    failed: numbers.filter((number) => !known.has(number)).map((number) => missingLetter(ref, number)),
  }
}

const missingLetter = (ref: LaneRef, number: number) =>
  ({ id: idOf(ref, number), code: 'not_found', message: 'There is no such dead letter.' }) as const

const idOf = (ref: LaneRef, number: number): string => `${laneName(ref)}:${number}`

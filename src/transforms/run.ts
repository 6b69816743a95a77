import { defaultUserCodeMs } from '../core/deadline.ts'
import type { Event } from '../core/event.ts'
import type { KnownMetadata, Transform } from '../core/transform.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import { copyMark, errorOf, runStep, type StepResult } from './step.ts'

/** What became of events in transforms. `index` is that of the input; an input may be in `events` more than once. */
export interface TransformRun {
  /** `text` is the JSON of `event`. */
  readonly events: readonly { readonly event: Event; readonly text: string; readonly index: number }[]
  readonly dropped: readonly { readonly index: number; readonly transform: string }[]
  readonly failed: readonly FailedTransform[]
  /** What each transform did, in their order; one that was given no event is left out. */
  readonly steps: readonly TransformStep[]
}

/** An event that a transform threw at, or for which it returned no object. */
export interface FailedTransform {
  readonly index: number
  readonly transform: string
  readonly error: { readonly message: string; readonly stack: string }
}

/** An event on its way from one transform to the next. */
interface Passing {
  /** Left out where only the text is known yet. */
  readonly event: Event | undefined
  /** Left out where only the event is known yet. */
  readonly text: string | undefined
  readonly index: number
}

/**
 * Runs user transforms over events, one transform after the other, as RudderStack runs them.
 *
 * Each transform gets events of its own (JSON copies of what the one before returned), so that no event can reach into
 * another. Input order is kept. What a transform throws, or returns that is no JSON object, fails that event only
 * (`transformEvent`) or all events (`transformBatch`). An event that became several has distinct messageIds, whatever else is in the
 * batch: `<id>`, `<id>#1`, `<id>#2` (see `copyMark`), unless the transform gave them ids of their own.
 *
 * @param transforms in the order in which they run
 * @param events each as an object, which the transforms may change, or as its JSON, which spares those that run in an isolate the
 *   way through an object
 * @param describe gives what is known of the event of the input at `index` beside its content
 * @param userCodeMs milliseconds that each transform may take: an event for which it has not settled by then has failed
 *   (`transformBatch`: all events)
 * @returns what became of every input; rejects only where the platform refuses to run a transform, which says nothing of an event
 */
export async function runTransforms(
  transforms: readonly Transform[],
  events: readonly (Event | string)[],
  describe: (index: number) => KnownMetadata,
  userCodeMs: number = defaultUserCodeMs,
): Promise<TransformRun> {
  const dropped: { index: number; transform: string }[] = []
  const failed: FailedTransform[] = []
  const steps: TransformStep[] = []
  let passing: readonly Passing[] = events.map((given, index) =>
    typeof given === 'string' ? { event: undefined, text: given, index } : { event: given, text: undefined, index },
  )
  const names = namesOfTransforms(transforms)
  for (const [i, transform] of transforms.entries()) {
    if (passing.length === 0) break
    const name = names[i] as string
    const items = passing
    const startedAt = performance.now()
    const result = await resultOf(transform, items, { name, describe, userCodeMs, place: i })
    const ms = performance.now() - startedAt
    const indexOf = (from: number): number => (items[from] as Passing).index
    for (const from of result.dropped) dropped.push({ index: indexOf(from), transform: name })
    for (const { from, error } of result.failed) failed.push({ index: indexOf(from), transform: name, error })
    passing = result.events.map(({ event, text, from }) => ({ event, text, index: indexOf(from) }))
    const errors = new Set(result.failed.map(({ from }) => from)).size
    const counts = { in: items.length, out: passing.length, dropped: result.dropped.length, errors }
    steps.push({ transform: name, ...counts, ms })
  }
  return { events: passing.map(wholeOf), dropped, failed, steps }
}

/**
 * Makes the detail of a dead letter: the stack, and which transform it was.
 *
 * @param stack of what was thrown; '' where nothing was
 * @param names of the transforms that may have caused it
 */
export const detailOfTransforms = (stack: string, ...names: readonly string[]): string =>
  [
    ...(stack === '' ? [] : [stack]),
    `    in the transform${names.length === 1 ? '' : 's'} ${names.map((name) => `"${name}"`).join(', ')}`,
  ].join('\n')

/** What counters and dead letters call each of a list of transforms. */
export const namesOfTransforms = (transforms: readonly Transform[]): string[] =>
  transforms.map(({ name }, i) => name ?? `transform ${i + 1}`)

interface RunContext {
  readonly name: string
  readonly describe: (index: number) => KnownMetadata
  readonly userCodeMs: number
  /** Of the transform in its list: the first one gets events that are still those of the caller. */
  readonly place: number
}

interface Result extends Pick<StepResult, 'dropped' | 'failed'> {
  readonly events: readonly { readonly event?: Event; readonly text: string; readonly from: number }[]
}

/** Runs one transform where it runs. */
async function resultOf(transform: Transform, items: readonly Passing[], context: RunContext): Promise<Result> {
  const { name, describe, userCodeMs, place } = context
  const knownOf = knownBy(describe, name)
  const mark = copyMark(place, knownOf(items[0]?.index ?? 0).destinationName !== undefined)
  if (transform.runBatch !== undefined) {
    const texts = items.map(({ event, text }) => text ?? JSON.stringify(event))
    const known = items.map(({ index }) => knownOf(index))
    const { events, dropped, failed } = await transform.runBatch({ texts, known, userCodeMs, mark })
    return {
      events,
      dropped,
      failed: failed.map(({ from, message, stack }) => ({ from, error: { message, stack } })),
    }
  }
  const given = items.map(({ event, text, index }) => ({
    event: place === 0 && event !== undefined ? event : (JSON.parse(text as string) as Event),
    known: knownOf(index),
  }))
  if (transform.learn !== undefined) for (const { event } of given) transform.learn(event)
  try {
    return await runStep(transform.load?.() ?? transform, given, userCodeMs, mark)
  } catch (thrown) {
    // Only `load` throws: the user's module could not be evaluated.
    const error = errorOf(thrown, name)
    return { events: [], dropped: [], failed: items.map((_, from) => ({ from, error })) }
  }
}

const wholeOf = ({ event, text, index }: Passing): TransformRun['events'][number] => ({
  event: event ?? (JSON.parse(text as string) as Event),
  text: text ?? JSON.stringify(event),
  index,
})

/** Adds which transform it is; what is known of several events is one object for all of them. */
function knownBy(describe: RunContext['describe'], transformationId: string): (index: number) => KnownMetadata {
  let [last, own]: [KnownMetadata?, KnownMetadata?] = []
  return (index) => {
    const known = describe(index)
    if (known !== last || own === undefined) [last, own] = [known, { transformationId, ...known }]
    return own
  }
}

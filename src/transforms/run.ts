import { Deadline, defaultUserCodeMs, isPromise, withDeadline } from '../core/deadline.ts'
import { reasonOf } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import type { Metadata, MetadataOf, Transform } from '../core/transform.ts'
import type { TransformStep } from '../core/transform-counts.ts'

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

interface TransformInput {
  readonly event: Event
  readonly index: number
  /** The messageId before the transform may change it. */
  readonly id: string
}

const inputOf = (event: Event, index: number): TransformInput => ({ event, index, id: event.messageId })

/** What a transform gave back for the input `item`; checked, but not yet known to be JSON. */
interface Output {
  readonly value: Record<string, unknown>
  readonly item: TransformInput
}

interface Step {
  readonly outputs: readonly Output[]
  readonly dropped: readonly TransformInput[]
  readonly failed: readonly { readonly item: TransformInput; readonly thrown: unknown }[]
}

class Thrown {
  readonly what: unknown
  constructor(what: unknown) {
    this.what = what
  }
}

const longestStack = 4_000

/**
 * Runs user transforms over events, one transform after the other, as RudderStack runs them.
 *
 * Each transform gets events of its own (JSON copies of what the one before returned), so that no event can reach into
 * another. Input order is kept. What a transform throws, or returns that is no JSON object, fails that event only
 * (`transformEvent`) or all events (`transformBatch`). An event that became several has distinct messageIds:
 * `<id>`, `<id>#1`, `<id>#2`, unless the transform gave them ids of their own.
 *
 * @param transforms in the order in which they run
 * @param events may be changed by the transforms; keep their text if you need it afterwards
 * @param describe gives the metadata of an event of the input at `index`, before the transform sees it
 * @param userCodeMs milliseconds that each transform may take: an event for which it has not settled by then has failed
 *   (`transformBatch`: all events)
 * @returns what became of every input; never rejects because of a transform
 */
export async function runTransforms(
  transforms: readonly Transform[],
  events: readonly Event[],
  describe: (event: Event, index: number) => Metadata,
  userCodeMs: number = defaultUserCodeMs,
): Promise<TransformRun> {
  const dropped: { index: number; transform: string }[] = []
  const failed: FailedTransform[] = []
  const steps: TransformStep[] = []
  let sealed: { event: Event; text: string; index: number }[] | undefined
  for (const [i, transform] of transforms.entries()) {
    const name = transform.name ?? `transform ${i + 1}`
    const items: readonly TransformInput[] =
      sealed?.map(({ text, index }) => inputOf(JSON.parse(text) as Event, index)) ?? events.map(inputOf)
    const startedAt = performance.now()
    const step = await stepOf(transform, items, { metadata: metadataOf(items, describe), userCodeMs })
    const ms = performance.now() - startedAt
    const done = seal(step.outputs)
    sealed = done.sealed
    for (const { index } of step.dropped) dropped.push({ index, transform: name })
    const threw = [...step.failed, ...done.failed]
    for (const { item, thrown } of threw)
      failed.push({ index: item.index, transform: name, error: errorOf(thrown, transform) })
    const errors = new Set(threw.map(({ item }) => item)).size
    const counts = { in: items.length, out: done.sealed.length, dropped: step.dropped.length, errors }
    if (items.length > 0) steps.push({ transform: name, ...counts, ms })
  }
  return {
    events: sealed ?? events.map((event, index) => ({ event, text: JSON.stringify(event), index })),
    dropped,
    failed,
    steps,
  }
}

interface StepContext {
  readonly metadata: MetadataOf
  readonly userCodeMs: number
}

async function stepOf(transform: Transform, items: readonly TransformInput[], context: StepContext): Promise<Step> {
  if (transform.transformEvent === undefined) return batchStep(transform, items, context)
  const { metadata, userCodeMs } = context
  const results: unknown[] = items.map(({ event }) => {
    try {
      return transform.transformEvent?.(event, metadata)
    } catch (thrown) {
      return new Thrown(thrown)
    }
  })
  const settled = results.some(isPromise) ? await settle(results, userCodeMs) : results
  const outputs: Output[] = []
  const dropped: TransformInput[] = []
  const failed: { item: TransformInput; thrown: unknown }[] = []
  for (const [i, result] of settled.entries()) {
    const item = items[i] as TransformInput
    if (result instanceof Thrown) failed.push({ item, thrown: result.what })
    else if (result === null || result === undefined) dropped.push(item)
    else if (!Array.isArray(result)) {
      if (isRecord(result)) outputs.push({ value: result, item })
      else failed.push({ item, thrown: 'returned event from transformEvent(event) is not an object' })
    } else if (!result.every(isRecord))
      failed.push({ item, thrown: 'returned event in events array from transformEvent(event) is not an object' })
    else if (result.length === 0) dropped.push(item)
    else for (const value of result) outputs.push({ value, item })
  }
  return { outputs, dropped, failed }
}

/** Waits for all results at once, as long as the deadline lets them take. */
async function settle(results: readonly unknown[], userCodeMs: number): Promise<unknown[]> {
  const deadline = new Deadline(userCodeMs, 'transformEvent')
  const settled = await Promise.all(
    results.map((result) => deadline.race(result).catch((thrown: unknown) => new Thrown(thrown))),
  )
  deadline.end()
  return settled
}

async function batchStep(
  transform: Transform,
  items: readonly TransformInput[],
  { metadata, userCodeMs }: StepContext,
): Promise<Step> {
  if (items.length === 0) return { outputs: [], dropped: [], failed: [] }
  const given = items.map(({ event }) => event)
  const owners = ownersOf(items)
  let values: unknown
  try {
    values = await withDeadline(() => transform.transformBatch?.(given, metadata), userCodeMs, 'transformBatch')
    if (!Array.isArray(values)) throw 'returned events from transformBatch(event) is not an array'
  } catch (thrown) {
    return { outputs: [], dropped: [], failed: items.map((item) => ({ item, thrown })) }
  }
  const left = new Set(items)
  const outputs: Output[] = []
  const strays: number[] = []
  for (const [i, value] of (values as unknown[]).entries()) {
    if (!isRecord(value)) {
      strays.push(i)
      continue
    }
    const item = owners(value)
    left.delete(item)
    outputs.push({ value, item })
  }
  // What is no object has no id: it stands for the input at its place, or for another that did not come back.
  const failed = strays.flatMap((i) => {
    const [first] = left
    const item = items[i] !== undefined && left.has(items[i]) ? items[i] : first
    if (item === undefined) return []
    left.delete(item)
    return { item, thrown: 'returned event in events array from transformBatch(events) is not an object' }
  })
  return { outputs, dropped: [...left], failed }
}

/** Finds the input that an output of `transformBatch` comes from: the same object, else its messageId, else the first. */
function ownersOf(items: readonly TransformInput[]): (value: object) => TransformInput {
  const byObject = new Map<object, TransformInput>(items.map((item) => [item.event, item]))
  const byId = Map.groupBy(items, ({ id }) => id)
  return (value) => {
    const same = byObject.get(value)
    if (same !== undefined) return same
    const candidates = byId.get((value as Event).messageId) ?? items.slice(0, 1)
    return (candidates.length > 1 ? candidates.shift() : candidates[0]) as TransformInput
  }
}

/** Writes outputs as JSON, each with a messageId; the text is what counts from here on, whatever becomes of the object. */
function seal(outputs: readonly Output[]) {
  const sealed: { event: Event; text: string; index: number }[] = []
  const failed: { item: TransformInput; thrown: unknown }[] = []
  const taken = new Map<number, Set<string>>()
  for (const { value, item } of outputs) {
    try {
      const ids = taken.get(item.index) ?? new Set()
      taken.set(item.index, ids)
      const messageId = distinctIdOf(ids, value['messageId'], item.id)
      ids.add(messageId)
      const event = (value['messageId'] === messageId ? value : { ...value, messageId }) as Event
      const text = JSON.stringify(event) as string | undefined
      if (text?.[0] !== '{') throw 'returned event from a transform is not an object'
      sealed.push({ ...withoutPrototypeKeys(event, text), index: item.index })
    } catch (thrown) {
      failed.push({ item, thrown })
    }
  }
  return { sealed, failed }
}

/**
 * Takes keys by which a careless merge reaches prototypes out of an event: of the next transform, and of whoever gets it.
 *
 * @returns the same event and text where there is none
 */
function withoutPrototypeKeys(event: Event, text: string): { readonly event: Event; readonly text: string } {
  if (!text.includes('"__proto__":') && !text.includes('"constructor":')) return { event, text }
  const cleaned = JSON.parse(text, (key: string, value: unknown) => {
    if (key === '__proto__') return undefined
    if (key === 'constructor' && isRecord(value)) delete value['prototype']
    return value
  }) as Event
  return { event: cleaned, text: JSON.stringify(cleaned) }
}

function distinctIdOf(taken: ReadonlySet<string>, own: unknown, fallback: string): string {
  const id = typeof own === 'string' && own !== '' ? own : fallback
  if (!taken.has(id)) return id
  let copy = taken.size
  while (taken.has(`${id}#${copy}`)) copy++
  return `${id}#${copy}`
}

function metadataOf(items: readonly TransformInput[], describe: (event: Event, index: number) => Metadata): MetadataOf {
  const byId = new Map(items.map(({ event, index, id }) => [id, describe(event, index)]))
  // Unknown ids give an object without fields, as RudderStack's lookup does.
  return (event) => byId.get(event.messageId) ?? ({} as Metadata)
}

/** The stack is cut after the last line that names the user's function: what follows is ours. */
function errorOf(thrown: unknown, transform: Transform): FailedTransform['error'] {
  const message = showSafely(() => reasonOf(thrown))
  const stack = thrown instanceof Error ? showSafely(() => thrown.stack ?? message) : message
  const name = transform.transformEvent === undefined ? 'transformBatch' : 'transformEvent'
  const lines = stack.split('\n')
  const last = lines.findLastIndex((line) => line.includes(name))
  return { message, stack: (last < 0 ? lines : lines.slice(0, last + 1)).join('\n').slice(0, longestStack) }
}

/** Text of something that may be hostile: what cannot be shown is described. */
function showSafely(show: () => unknown): string {
  try {
    return String(show())
  } catch {
    return 'a value that cannot be shown was thrown'
  }
}

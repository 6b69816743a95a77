import { Deadline, isPromise, withDeadline } from '../core/deadline.ts'
import { reasonOf } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import type { KnownMetadata, Metadata, MetadataOf, TransformFunctions } from '../core/transform.ts'

/** An event that a transform is given. */
export interface StepItem {
  /** The transform may change it. */
  readonly event: Event
  readonly known: KnownMetadata
}

/** What became of the events in one transform. `from` is the place of the input among the items. */
export interface StepResult {
  /** `text` is the JSON of `event`. */
  readonly events: readonly { readonly event: Event; readonly text: string; readonly from: number }[]
  readonly dropped: readonly number[]
  readonly failed: readonly {
    readonly from: number
    readonly error: { readonly message: string; readonly stack: string }
  }[]
}

/** An input, with what its metadata says of it, since the transform may change the event before it asks. */
interface Item {
  readonly event: Event
  readonly from: number
  readonly id: string
  readonly type: string
  readonly name: unknown
  readonly rudderId: unknown
  readonly recordId: unknown
  readonly job: Job | undefined
  readonly known: KnownMetadata
  metadata: Metadata | undefined
}

/** Ids of what loaded an event out of a warehouse. */
type Job = Readonly<Pick<Metadata, 'sourceJobId' | 'sourceJobRunId' | 'sourceTaskRunId'>>

/** What a transform gave back for the input `item`; checked, but not yet known to be JSON. */
interface Output {
  readonly value: Record<string, unknown>
  readonly item: Item
}

interface Failure {
  readonly item: Item
  readonly thrown: unknown
}

interface Outcome {
  readonly outputs: readonly Output[]
  readonly dropped: readonly Item[]
  readonly failed: readonly Failure[]
}

class Thrown {
  readonly what: unknown
  constructor(what: unknown) {
    this.what = what
  }
}

/** What the ids of copies that a transform makes begin with, after the id of the event: no other transform on its way has the same. */
export type CopyMark = string

/**
 * Tells the mark of a transform. Copies of copies come in other batches than what they are copies of, and still no two have one
 * id: `a#1` is made by the first transform of a source, `a#2.1` by the second, `a~1` and `a~2.1` by those of a target.
 *
 * @param place of the transform in its list
 * @param isOfTarget true in front of a destination or a warehouse
 */
export const copyMark = (place: number, isOfTarget: boolean): CopyMark =>
  `${isOfTarget ? '~' : '#'}${place === 0 ? '' : `${place + 1}.`}`

/** Characters that a message, or a stack, may have in a dead letter. */
export const longestError = 4_000

/**
 * Runs the functions of one transform over events: all that its results mean is decided here, wherever it runs (in the Worker,
 * in an isolate).
 *
 * @param functions of the user's module: one of the two
 * @param given the events, in order
 * @param userCodeMs milliseconds that each call may take
 * @param mark of the transform
 * @returns what became of every event; never rejects because of the user's code
 */
export async function runStep(
  functions: TransformFunctions,
  given: readonly StepItem[],
  userCodeMs: number,
  mark: CopyMark,
): Promise<StepResult> {
  const items = given.map(itemOf)
  const context = { metadata: metadataOf(items), userCodeMs }
  const name = functions.transformEvent === undefined ? 'transformBatch' : 'transformEvent'
  const run = name === 'transformBatch' ? eachBatch : eachEvent
  const outcome =
    typeof functions[name] === 'function'
      ? await run(functions, items, context)
      : allFailed(items, `${name} is not a function`)
  const { sealed, failed } = seal(outcome.outputs, mark)
  return {
    events: sealed,
    dropped: outcome.dropped.map(({ from }) => from),
    failed: [...outcome.failed, ...failed].map(({ item, thrown }) => ({
      from: item.from,
      error: errorOf(thrown, name),
    })),
  }
}

const allFailed = (items: readonly Item[], thrown: unknown): Outcome => ({
  outputs: [],
  dropped: [],
  failed: items.map((item) => ({ item, thrown })),
})

interface StepContext {
  readonly metadata: MetadataOf
  readonly userCodeMs: number
}

async function eachEvent(
  { transformEvent }: TransformFunctions,
  items: readonly Item[],
  { metadata, userCodeMs }: StepContext,
): Promise<Outcome> {
  let isWaiting = false
  const results: unknown[] = items.map(({ event }) => {
    try {
      const result: unknown = transformEvent?.(event, metadata)
      if (isPromise(result)) isWaiting = true
      return result
    } catch (thrown) {
      return new Thrown(thrown)
    }
  })
  const settled = isWaiting ? await settle(results, userCodeMs) : results
  const outputs: Output[] = []
  const dropped: Item[] = []
  const failed: Failure[] = []
  for (const [i, item] of items.entries()) {
    try {
      const values = eventsOf(settled[i])
      if (values.length === 0) dropped.push(item)
      else for (const value of values) outputs.push({ value, item })
    } catch (thrown) {
      failed.push({ item, thrown })
    }
  }
  return { outputs, dropped, failed }
}

/**
 * Tells which events a result of `transformEvent` is.
 *
 * @throws what is wrong with it; it may be hostile
 */
function eventsOf(result: unknown): readonly Record<string, unknown>[] {
  if (result instanceof Thrown) throw result.what
  if (result === null || result === undefined) return []
  if (isRecord(result)) return [result]
  if (!Array.isArray(result)) throw 'returned event from transformEvent(event) is not an object'
  if (result.some(isPromise)) throw isPromised('transformEvent(event)')
  // Unlike `every`, it looks at holes, too.
  if (!Array.from(result as unknown[]).every(isRecord))
    throw 'returned event in events array from transformEvent(event) is not an object'
  return result
}

/** An async function in a `map`, say: JSON of a promise is an object without members. */
const isPromised = (call: string): string =>
  `returned event in events array from ${call} is a promise; await it, as in: return Promise.all(events)`

/** Waits for all results at once, as long as the deadline lets them take. */
async function settle(results: readonly unknown[], userCodeMs: number): Promise<unknown[]> {
  const deadline = new Deadline(userCodeMs, 'transformEvent')
  const settled = await Promise.all(
    results.map((result) => deadline.race(result).catch((thrown: unknown) => new Thrown(thrown))),
  )
  deadline.end()
  return settled
}

async function eachBatch(
  { transformBatch }: TransformFunctions,
  items: readonly Item[],
  { metadata, userCodeMs }: StepContext,
): Promise<Outcome> {
  if (items.length === 0) return { outputs: [], dropped: [], failed: [] }
  const given = items.map(({ event }) => event)
  const owners = ownersOf(items)
  let values: unknown
  try {
    values = await withDeadline(() => transformBatch?.(given, metadata), userCodeMs, 'transformBatch')
    if (!Array.isArray(values)) throw 'returned events from transformBatch(event) is not an array'
    // Which events they would become is not known.
    if (values.some(isPromise)) throw isPromised('transformBatch(events)')
  } catch (thrown) {
    return allFailed(items, thrown)
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
function ownersOf(items: readonly Item[]): (value: object) => Item {
  const byObject = new Map<object, Item>(items.map((item) => [item.event, item]))
  const byId = Map.groupBy(items, ({ id }) => id)
  return (value) => {
    const same = byObject.get(value)
    if (same !== undefined) return same
    const candidates = byId.get((value as Event).messageId) ?? items.slice(0, 1)
    return (candidates.length > 1 ? candidates.shift() : candidates[0]) as Item
  }
}

/** Writes outputs as JSON, each with a messageId; the text is what counts from here on, whatever becomes of the object. */
function seal(outputs: readonly Output[], mark: CopyMark) {
  const sealed: { event: Event; text: string; from: number }[] = []
  const failed: Failure[] = []
  const idOf = messageIds(mark)
  for (const { value: given, item } of outputs) {
    try {
      const value = hasItsJson(given) ? given : jsonOf(given)
      const own = value['messageId']
      const messageId = idOf(own, item)
      const event = (own === messageId ? value : { ...value, messageId }) as Event
      const text = JSON.stringify(event)
      // As of a boxed text.
      if (text[0] !== '{') throw noObject
      const whole = withoutPrototypeKeys(event, text)
      sealed.push({ event: whole.event, text: whole.text, from: item.from })
    } catch (thrown) {
      failed.push({ item, thrown })
    }
  }
  return { sealed, failed }
}

const noObject = 'returned event from a transform is not an object'

/** Whether the id that an object has is the one that its JSON will have. */
const hasItsJson = (value: Record<string, unknown>): boolean =>
  Object.prototype.propertyIsEnumerable.call(value, 'messageId') && value['toJSON'] === undefined

/** What the JSON of an object says: `toJSON` may say anything, and what is inherited or hidden is not in it. */
function jsonOf(value: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(value) as string | undefined
  const said: unknown = text === undefined ? undefined : JSON.parse(text)
  if (!isRecord(said)) throw noObject
  return said
}

/**
 * Takes keys by which a careless merge reaches prototypes out of an event: of the next transform, and of whoever gets it.
 *
 * @returns the same event and text where there is none
 */
export function withoutPrototypeKeys(event: Event, text: string): { readonly event: Event; readonly text: string } {
  if (!text.includes('"__proto__":') && !text.includes('"constructor":')) return { event, text }
  const cleaned = JSON.parse(text, (key: string, value: unknown) => {
    if (key === '__proto__') return undefined
    if (key === 'constructor' && isRecord(value)) delete value['prototype']
    return value
  }) as Event
  return { event: cleaned, text: JSON.stringify(cleaned) }
}

/**
 * Gives an output the id that it has, or that of its input; where another output of the input has it, one made of the input's id and
 * the place among the outputs. So the id does not depend on what else is in the batch, and is the same when the event runs again.
 */
function messageIds(mark: CopyMark): (own: unknown, item: Item) => string {
  /** By place of the input: nearly all become one. */
  const first: (string | undefined)[] = []
  const taken = new Map<number, Set<string>>()
  return (own, { from, id: input }) => {
    const id = typeof own === 'string' && own !== '' ? own : input
    const other = first[from]
    if (other === undefined) return (first[from] = id)
    const ids = taken.get(from) ?? new Set([other])
    taken.set(from, ids)
    const distinct = distinctIdOf(ids, id, `${input}${mark}`)
    ids.add(distinct)
    return distinct
  }
}

function distinctIdOf(taken: ReadonlySet<string>, id: string, start: string): string {
  if (!taken.has(id)) return id
  let place = taken.size
  while (taken.has(`${start}${place}`)) place++
  return `${start}${place}`
}

function itemOf({ event, known }: StepItem, from: number): Item {
  const { messageId: id, type, event: name, rudderId, recordId, context } = event
  const job = jobOf(context?.['sources'])
  return { event, from, id, type, name, rudderId, recordId, job, known, metadata: undefined }
}

function jobOf(sources: unknown): Job | undefined {
  if (!isRecord(sources)) return undefined
  const { job_id, job_run_id, task_run_id } = sources
  return {
    ...(job_id === undefined ? {} : { sourceJobId: job_id }),
    ...(job_run_id === undefined ? {} : { sourceJobRunId: job_run_id }),
    ...(task_run_id === undefined ? {} : { sourceTaskRunId: task_run_id }),
  }
}

function metadataOf(items: readonly Item[]): MetadataOf {
  let byId: Map<string, Item> | undefined
  return ({ messageId }) => {
    byId ??= new Map(items.map((item) => [item.id, item]))
    const item = byId.get(messageId)
    // Unknown ids give an object without fields, as RudderStack's lookup does.
    return item === undefined ? ({} as Metadata) : (item.metadata ??= wholeMetadata(item))
  }
}

/** All that RudderStack's metadata says and that there is a fact for; other fields are undefined, as they may be there. */
function wholeMetadata({ id, type, name, rudderId, recordId, job, known }: Item): Metadata {
  const whole: Record<string, unknown> = { sourceId: known.sourceName, messageId: id, eventType: type }
  if (typeof name === 'string') whole['eventName'] = name
  if (known.destinationName !== undefined) whole['destinationId'] = known.destinationName
  if (rudderId !== undefined) whole['rudderId'] = rudderId
  if (recordId !== undefined) whole['recordId'] = recordId
  return Object.assign(whole, job, known) as unknown as Metadata
}

/**
 * Describes what a transform threw. The stack is cut after the last line that names the user's function: what follows is ours.
 *
 * @param thrown anything; it may be hostile
 * @param name the user's function
 */
export function errorOf(thrown: unknown, name: string): { readonly message: string; readonly stack: string } {
  const message = showSafely(() => (isErrorLike(thrown) ? thrown.message : reasonOf(thrown))).slice(0, longestError)
  const stack = showSafely(() => (isErrorLike(thrown) ? (thrown.stack ?? message) : message))
  const lines = stack.split('\n')
  // Python's traceback has nothing of ours, and what was raised comes last.
  if (lines[0]?.startsWith('Traceback ') === true) return { message, stack: stack.slice(-longestError) }
  const last = lines.findLastIndex((line) => line.includes(name))
  return { message, stack: (last < 0 ? lines : lines.slice(0, last + 1)).join('\n').slice(0, longestError) }
}

/** An error, or the plain object with the properties of one that `fetchV2` rejects with. */
const isErrorLike = (thrown: unknown): thrown is Pick<Error, 'message' | 'stack'> =>
  thrown instanceof Error ||
  (isRecord(thrown) && typeof thrown['message'] === 'string' && typeof thrown['stack'] === 'string')

/** Text of something that may be hostile: what cannot be shown is described. */
function showSafely(show: () => unknown): string {
  try {
    return String(show())
  } catch {
    return 'a value that cannot be shown was thrown'
  }
}

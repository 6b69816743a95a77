import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../../src/core/json.ts'

/** What a version of a transform made of an event; no events where it dropped it. */
export type Made =
  | { readonly events: readonly object[] }
  | { readonly error: { readonly message: string; readonly stack: string } }

/** An event of which the working copy made something else, or at which it failed. */
export interface DiffEvent {
  readonly messageId: string
  readonly source: string
  readonly receivedAt: string
  /** Its name, or its type where it has none. */
  readonly event: string
  readonly deployed: Made
  readonly copy: Made
}

/** An answer of `POST /admin/transformations/:name/diff`. */
export interface DiffPage {
  /** Where the config has the transform. */
  readonly deployed: readonly DiffPlace[]
  readonly progress:
    | { readonly partition: number; readonly partitions: number; readonly offset: number; readonly head: number }
    /** Dead letters that were read. */
    | { readonly letters: number }
  readonly read: number
  readonly compared: number
  readonly unchanged: number
  readonly events: readonly DiffEvent[]
  /** Null after the last event. */
  readonly cursor: string | null
}

/** A place of the config that has the transform. */
export interface DiffPlace {
  readonly kind: 'source' | 'destination' | 'warehouse'
  readonly name: string
}

/** Names an event. */
export interface EventName {
  readonly event: string
  readonly messageId: string
  readonly source: string
  readonly receivedAt: string
}

/** A field that is not the same, with how often and some values. */
export interface FieldTally {
  /** `properties.products[].price`. */
  readonly path: string
  /** Events. */
  events: number
  /** Values: what only the working copy has, what only the deployed version has, what both have. */
  added: number
  removed: number
  changed: number
  /** A value that there is not is left out. */
  readonly samples: (EventName & { readonly deployed?: unknown; readonly copy?: unknown })[]
}

/** Events that fail in the working copy for one reason. */
export interface CauseTally {
  readonly message: string
  readonly stack: string
  events: number
  /** Of these, events at which the deployed version fails, too. */
  deployed: number
  readonly samples: EventName[]
}

/** What became of all events. */
export interface DiffTally {
  places: readonly DiffPlace[]
  read: number
  compared: number
  /** Of these, dead letters of transforms of sources: events as they were sent. */
  letters: number
  readonly counts: Record<DiffKind, number>
  readonly fields: FieldTally[]
  /** Values of fields that are not in `fields`, which has no more room. */
  moreFields: number
  readonly causes: CauseTally[]
  /** Events with a cause that is not in `causes`. */
  moreCauses: number
  /** Some events by kind; `deployed` and `copy` count what came out. */
  readonly samples: Record<'dropped' | 'multiplied' | 'restored', (EventName & { deployed: number; copy: number })[]>
}

/**
 * What the working copy does to an event. `multiplied`: another number of events, and more than one. `restored`: what the
 * deployed version drops or fails at comes out.
 */
export type DiffKind = 'unchanged' | 'changed' | 'dropped' | 'multiplied' | 'restored' | 'failed'

const mostFields = 500
const mostCauses = 100

/** A tally of nothing. */
export const emptyTally = (): DiffTally => ({
  places: [],
  read: 0,
  compared: 0,
  letters: 0,
  counts: { unchanged: 0, changed: 0, dropped: 0, multiplied: 0, restored: 0, failed: 0 },
  fields: [],
  moreFields: 0,
  causes: [],
  moreCauses: 0,
  samples: { dropped: [], multiplied: [], restored: [] },
})

/**
 * Adds an answer of the admin API to a tally.
 *
 * @param tally is changed
 * @param page the answer
 * @param options `samples` of each field, cause and kind; `showStack` shows a stack by the user's lines
 */
export function addPage(
  tally: DiffTally,
  page: DiffPage,
  { samples, showStack }: { readonly samples: number; readonly showStack: (stack: string) => string },
): void {
  tally.places = page.deployed
  tally.read += page.read
  tally.compared += page.compared
  if ('letters' in page.progress) tally.letters += page.compared
  tally.counts.unchanged += page.unchanged
  const keep = <Sample>(list: Sample[], sample: Sample) => void (list.length < samples && list.push(sample))
  for (const one of page.events) {
    const { event, messageId, source, receivedAt, deployed, copy } = one
    const name: EventName = { event, messageId, source, receivedAt }
    const kind = kindOf(deployed, copy)
    tally.counts[kind]++
    if ('error' in copy) {
      const cause = causeOf(tally, copy.error, showStack)
      if (cause === undefined) {
        tally.moreCauses++
        continue
      }
      cause.events++
      if ('error' in deployed) cause.deployed++
      keep(cause.samples, name)
    } else if (kind === 'changed') addFields(tally, one, (list, sample) => keep(list, { ...name, ...sample }))
    else if (kind !== 'unchanged' && kind !== 'failed')
      keep(tally.samples[kind], { ...name, deployed: countOf(deployed), copy: countOf(copy) })
  }
}

const countOf = (made: Made): number => ('events' in made ? made.events.length : 0)

/**
 * Says what the working copy does to an event.
 *
 * @param deployed what the deployed version made of it
 * @param copy what the working copy made of it
 */
export function kindOf(deployed: Made, copy: Made): DiffKind {
  if ('error' in copy) return 'failed'
  const [before, after] = [countOf(deployed), countOf(copy)]
  if (after === 0) return before === 0 && 'events' in deployed ? 'unchanged' : 'dropped'
  if (before === 0) return 'restored'
  if (after > 1 && after !== before) return 'multiplied'
  return 'events' in deployed && isDeepStrictEqual(deployed.events, copy.events) ? 'unchanged' : 'changed'
}

function causeOf(
  { causes }: DiffTally,
  { message, stack }: { readonly message: string; readonly stack: string },
  showStack: (stack: string) => string,
): CauseTally | undefined {
  const known = causes.find((one) => one.message === message)
  if (known !== undefined || causes.length === mostCauses) return known
  const cause = { message, stack: showStack(stack), events: 0, deployed: 0, samples: [] }
  causes.push(cause)
  return cause
}

/** A value at a path; one that there is not is left out. */
export interface FieldDifference {
  readonly path: string
  readonly how: 'added' | 'removed' | 'changed'
  readonly deployed?: unknown
  readonly copy?: unknown
}

function addFields(
  tally: DiffTally,
  { deployed, copy }: DiffEvent,
  keep: (list: FieldTally['samples'], sample: { readonly deployed?: unknown; readonly copy?: unknown }) => void,
): void {
  const { fields } = tally
  const seen = new Set<string>()
  const [before, after] = [deployed, copy].map((one) => ('events' in one ? one.events : []))
  for (const { path, how, ...values } of differencesOf(before ?? [], after ?? [])) {
    let field = fields.find((one) => one.path === path)
    if (field === undefined) {
      if (fields.length === mostFields) {
        tally.moreFields++
        continue
      }
      fields.push((field = { path, events: 0, added: 0, removed: 0, changed: 0, samples: [] }))
    }
    field[how]++
    if (seen.has(path)) continue
    seen.add(path)
    field.events++
    keep(field.samples, values)
  }
}

/**
 * Compares what two versions made of one event, field by field.
 *
 * @param before of the deployed version
 * @param after of the working copy, at most one where `before` has several
 * @returns each value that is not the same; places in lists are not told apart
 */
export function differencesOf(before: readonly object[], after: readonly object[]): readonly FieldDifference[] {
  const found: FieldDifference[] = []
  for (const [i, one] of after.entries()) compare(before[i], one, '', found)
  if (before.length !== after.length)
    found.push({ path: 'number of events', how: 'changed', deployed: before.length, copy: after.length })
  return found
}

function compare(deployed: unknown, copy: unknown, path: string, found: FieldDifference[]): void {
  if (deployed === undefined) found.push({ path, how: 'added', copy })
  else if (copy === undefined) found.push({ path, how: 'removed', deployed })
  else if (Array.isArray(deployed) && Array.isArray(copy))
    for (let i = 0; i < Math.max(deployed.length, copy.length); i++) compare(deployed[i], copy[i], `${path}[]`, found)
  else if (isRecord(deployed) && isRecord(copy))
    for (const key of new Set([...Object.keys(deployed), ...Object.keys(copy)]))
      compare(own(deployed, key), own(copy, key), path === '' ? key : `${path}.${key}`, found)
  else if (deployed !== copy) found.push({ path, how: 'changed', deployed, copy })
}

const own = (value: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined

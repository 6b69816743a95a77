import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { type Definition, definitionOf } from '../../src/library/definition.ts'
import { refusalOf, variablesOf } from '../../src/library/refused.ts'
import type { Json } from '../../src/library/json.ts'
import { type Mapping, type Subscription, subscriptionsOf } from '../../src/library/subscriptions.ts'
import { madeMappings, madeSettings, specEvents } from './cases.ts'
import { type Done, libraryEngine, ourEngine, type Run } from './engines.ts'

const require = createRequire(import.meta.url)
const folder = dirname(require.resolve('@segment/action-destinations/dist/destinations/index.js'))

/** A destination of the library, under the name by which it is imported. */
export interface Listed {
  readonly name: string
  readonly definition: Definition
  readonly refusal: string | undefined
}

/** All destinations that the installed version of the library has. */
export function listDestinations(): Listed[] {
  return globSync('*/index.js', { cwd: folder })
    .map((path) => basename(dirname(path)))
    .toSorted()
    .flatMap((name): Listed[] => {
      const definition = definitionOf(require(join(folder, name, 'index.js')))
      return definition === undefined ? [] : [{ name, definition, refusal: refusalOf(definition) }]
    })
}

/** What became of the comparison of one destination. */
export interface Compared {
  readonly name: string
  readonly subscriptions: number
  /** Runs: one subscription, all events, one answer of the vendor. */
  readonly runs: number
  readonly equal: number
  readonly requests: number
  /** What differs, one line for each run. */
  readonly differences: readonly string[]
}

export const answers = [200, 400, 429, 500] as const

/**
 * Sends the same events with both engines, through every preset and every action of a destination.
 *
 * @param listed the destination
 * @param root the repository, which has the events
 * @param statuses what the vendor answers
 */
export async function compare(
  { name, definition }: Listed,
  root: string,
  statuses: readonly number[] = answers,
): Promise<Compared> {
  for (const variable of variablesOf(definition)) process.env[variable] = `value-of-${variable}`
  const settings = madeSettings(definition)
  const events = specEvents(root)
  const some = fewOf(events)
  const runs = runsOf(definition, 'required')
  const differences: string[] = []
  let requests = 0
  const compareRuns = async (these: readonly Some[]) => {
    for (const run of these)
      for (const status of statuses) {
        const whole: Run = { definition, settings, events: status === 200 ? events : some, status, ...run }
        const both = async () => [await libraryEngine(whole), await ourEngine(whole)] as const
        const [theirs, ours] = await both()
        requests += theirs.sent.length
        // Some keep what a vendor said before in a variable, where the second one to run finds it.
        const difference = differenceOf(theirs, ours) && differenceOf(...(await both()))
        if (difference !== undefined) differences.push(`${run.subscription.key}, ${status}: ${difference}`)
      }
  }
  await compareRuns(runs)
  // Some send nothing without a field that they do not call required.
  if (requests === 0) {
    const more = runsOf(definition, 'all')
    await compareRuns(more)
    runs.push(...more)
  }
  const count = runs.length * statuses.length
  return { name, subscriptions: runs.length, runs: count, equal: count - differences.length, requests, differences }
}

/** What becomes of an error does not depend on the event: one of each call, and some of the events that most vendors know. */
const fewOf = (events: readonly Json[]): Json[] =>
  events.filter(({ type, event }) => type !== 'track' || known.has(event as string))

const known = new Set(['Product Viewed', 'Order Completed', 'Application Installed', 'Video Playback Started'])

type Some = Pick<Run, 'subscription' | 'preset' | 'mapping'>

function runsOf(definition: Definition, which: 'required' | 'all'): Some[] {
  const presets = (definition.presets ?? []).filter(
    ({ type, partnerAction }) => type === 'automatic' && definition.actions[partnerAction] !== undefined,
  )
  const ofPresets = presets.map((preset) => ({
    preset,
    subscription: only(subscriptionsOf({ ...definition, presets: [preset] }, undefined)),
  }))
  const mappings = madeMappings(definition, which)
  const ofMappings = Object.entries(mappings).map(([key, mapping]) => ({
    mapping: mapping as Mapping,
    subscription: only(subscriptionsOf(definition, { [key]: mapping })),
  }))
  return [...ofPresets, ...ofMappings]
}

function only({ subscriptions, problems }: ReturnType<typeof subscriptionsOf>): Subscription {
  if (subscriptions.length !== 1 || problems.length > 0) throw new Error(problems.join('\n'))
  return subscriptions[0] as Subscription
}

function differenceOf(theirs: Done, ours: Done): string | undefined {
  const outcome = theirs.outcomes.findIndex((kind, i) => kind !== ours.outcomes[i])
  if (outcome >= 0) return `event ${outcome + 1} is ${ours.outcomes[outcome]}, not ${theirs.outcomes[outcome]}`
  if (theirs.sent.length !== ours.sent.length) return `${ours.sent.length} requests, not ${theirs.sent.length}`
  for (const [i, request] of theirs.sent.entries()) {
    const [a, b] = [textOf(request), textOf(ours.sent[i] as Done['sent'][number])]
    if (a !== b) return `request ${i + 1} differs: ${placeOf(a, b)}`
  }
  return undefined
}

/** Whoever sends says so in its own name. */
const textOf = ({ method, url, headers, body }: Done['sent'][number]): string =>
  JSON.stringify([method, url, headers, body]).replace('"user-agent":"Segment (Actions)"', '"user-agent":"Sluiceway"')

function placeOf(a: string, b: string): string {
  let at = 0
  while (a[at] === b[at]) at++
  const from = Math.max(0, at - 30)
  return `…${b.slice(from, at + 50)}… instead of …${a.slice(from, at + 50)}…`
}

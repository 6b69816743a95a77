import type { Consent } from '../core/consent.ts'
import type { Event } from '../core/event.ts'
import { perIsolate } from '../core/per-isolate.ts'
import { isAllowed, type ConsentState, readConsent } from '../privacy/consent.ts'
import { isRecord } from '../core/json.ts'
import { isEmptyList } from './normalize-shape.ts'
import type { Source, Target } from '../core/resolved-config.ts'

/** Choices that are remembered for each source: clients choose, so there may be as many as they like. */
const mostChoices = 1_000

interface Stop {
  readonly name: string
  readonly displayName: string
  readonly consent: Consent | undefined
  /** True of the archive, which no event can be kept from. */
  readonly isCertain: boolean
  /** Counters. */
  readonly integrations: string
  readonly refused: string
}

/** What a source's targets come to, made once. */
interface Plan {
  readonly stops: readonly Stop[]
  readonly names: readonly string[]
  readonly needsConsent: boolean
  /** By their names. */
  readonly choices: Map<string, readonly string[]>
}

const planOf = perIsolate(({ targets }: Source): Plan => {
  const names = targets.map(({ name }) => name)
  return {
    stops: targets.map(({ kind, name, displayName, route: { consent } }) => ({
      name,
      displayName,
      consent,
      isCertain: kind === 'archive',
      integrations: `integrations:${name}`,
      refused: `consent:${name}`,
    })),
    names,
    needsConsent: targets.some(({ route: { consent } }) => consent !== undefined),
    choices: new Map(),
  }
})

/**
 * Chooses the destinations and warehouses of an event: those of its source that its `integrations` do not switch off and that
 * have the consent that they need.
 *
 * `integrations` is keyed by display name; `All` (true when missing) decides about names that it does not hold. An `All`
 * that is no boolean, or an `integrations` that is no object, means none.
 *
 * @param counters gets `integrations:<target>` or `consent:<target>` for each target that was left out
 * @returns names from the config; equal choices are often the same array
 */
export function route(event: Event, source: Source, counters: Record<string, number>): readonly string[] {
  const plan = planOf(source)
  const { integrations } = event as { integrations?: unknown }
  const silent = integrations === undefined || integrations === null
  if (silent && !plan.needsConsent) return plan.names
  const switches = isRecord(integrations) ? integrations : undefined
  const fallback = silent ? true : switches === undefined ? undefined : defaultOf(switches)
  let kept: string[] | undefined
  let said: ConsentState | undefined
  for (let i = 0; i < plan.stops.length; i++) {
    const stop = plan.stops[i] as Stop
    const on = stop.isCertain || (fallback !== undefined && isOn(stop.displayName, switches, fallback))
    if (on && (stop.consent === undefined || isAllowed((said ??= readConsent(event.context)), stop.consent))) {
      kept?.push(stop.name)
      continue
    }
    kept ??= plan.names.slice(0, i)
    const counter = on ? stop.refused : stop.integrations
    counters[counter] = (counters[counter] ?? 0) + 1
  }
  return kept === undefined ? plan.names : reuseChoice(kept, plan)
}

/**
 * Says why an event did not go to a target, as far as the config of today tells.
 *
 * @param event as the stream holds it
 * @param source undefined when it is no longer in the config
 * @param target name of a destination or warehouse
 */
export function reasonNotRouted(event: Event, source: Source | undefined, target: string): string {
  if (source === undefined) return 'its source is no longer in the config'
  const stop = planOf(source).stops.find(({ name }) => name === target)
  if (stop === undefined) return `"to" of the source "${source.name}" does not name it`
  const counters: Record<string, number> = {}
  route(event, source, counters)
  if (stop.integrations in counters) return '"integrations" of the event switch it off'
  if (stop.refused in counters) return 'the event lacks the consent that it needs'
  return 'the config was another when the event arrived'
}

/**
 * Says whether an event may go to a target at all, whichever targets its source has: its `integrations` do not switch it off, and
 * it has the consent that the target needs.
 */
export function mayReceive(event: Event, { displayName, route: { consent } }: Target): boolean {
  const { integrations } = event as { integrations?: unknown }
  const silent = integrations === undefined || integrations === null
  const switches = isRecord(integrations) ? integrations : undefined
  const fallback = silent ? true : switches === undefined ? undefined : defaultOf(switches)
  const on = fallback !== undefined && isOn(displayName, switches, fallback)
  return on && (consent === undefined || isAllowed(readConsent(event.context), consent))
}

/** What `All` says; undefined when it is no boolean. */
function defaultOf(switches: Readonly<Record<string, unknown>>): boolean | undefined {
  const { All: fallback = true } = switches
  return typeof fallback === 'boolean' ? fallback : undefined
}

function isOn(name: string, switches: Readonly<Record<string, unknown>> | undefined, fallback: boolean): boolean {
  if (switches === undefined || !Object.hasOwn(switches, name)) return fallback
  const own = switches[name]
  return typeof own === 'boolean' ? own : isRecord(own) || isEmptyList(own) || fallback
}

/** The array that was given for these names before. */
function reuseChoice(names: readonly string[], { choices }: Plan): readonly string[] {
  const key = names.join(' ')
  const known = choices.get(key)
  if (known === undefined && choices.size < mostChoices) choices.set(key, names)
  return known ?? names
}

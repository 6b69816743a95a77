// User properties: https://developers.google.com/analytics/devguides/collection/protocol/ga4/user-properties (checked 2026-11-29)
import { valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { cutValue } from './params.ts'

const mostProperties = 25
const longestName = 24
const longestValue = 36
/** Names that Google keeps for itself: https://support.google.com/analytics/answer/13316687 (checked 2026-11-29) */
const reserved =
  /^(_|firebase_|ga_|google_|(first_open_time|first_visit_time|last_deep_link_referrer|user_id|first_open_after_install)$)/

/** The name of a trait as a user property. */
const nameOf = (trait: string): string => trait.replaceAll(/[^\p{L}\p{N}_]+/gu, '_').slice(0, longestName)

/** Says why Google would leave out the user properties of these traits. */
export function userPropertiesProblem(traits: readonly string[]): string | undefined {
  if (traits.length > mostProperties) return `can be ${mostProperties} traits at most`
  const names = traits.map(nameOf)
  const wrong = names.findIndex((name) => reserved.test(name) || !/^\p{L}/u.test(name))
  if (wrong !== -1)
    return `has "${traits[wrong] ?? ''}": Google keeps the name for itself, or takes only names that begin with a letter`
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  return twice === -1
    ? undefined
    : `has "${traits[twice] ?? ''}", which another trait is called in its first ${longestName} characters`
}

/**
 * Makes user properties of the traits that the settings name: Google forbids whatever tells who somebody is.
 *
 * @param event with traits, or with those in its context
 * @param traits names of traits
 * @returns undefined where there are none
 */
export function userPropertiesOf(
  event: Event,
  traits: readonly string[],
): Record<string, { value: unknown }> | undefined {
  const found = traits.flatMap((trait): [string, { value: unknown }][] => {
    const value = valueAt(event, `traits.${trait}`, `context.traits.${trait}`)
    const name = nameOf(trait)
    if (typeof value === 'string') return [[name, { value: cutValue(value, longestValue) }]]
    return typeof value === 'number' || typeof value === 'boolean' ? [[name, { value }]] : []
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

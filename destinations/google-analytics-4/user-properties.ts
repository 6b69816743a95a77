// User properties: https://developers.google.com/analytics/devguides/collection/protocol/ga4/user-properties (checked 2026-11-29)
import { valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { cutValue } from './params.ts'

const mostProperties = 25
const longestName = 24
const longestValue = 36

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
  const found = traits.slice(0, mostProperties).flatMap((trait): [string, { value: unknown }][] => {
    const value = valueAt(event, `traits.${trait}`, `context.traits.${trait}`)
    const name = trait.replaceAll(/[^\p{L}\p{N}_]+/gu, '_').slice(0, longestName)
    if (typeof value === 'string') return [[name, { value: cutValue(value, longestValue) }]]
    return typeof value === 'number' || typeof value === 'boolean' ? [[name, { value }]] : []
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

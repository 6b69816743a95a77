// Limits: https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events#limitations (checked 2026-11-29)
import { isRecord } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'

const mostParams = 25
const longestName = 40
const longestValue = 100
/** These may be longer. */
const longer: ReadonlyMap<string, number> = new Map([
  ['page_location', 1_000],
  ['page_referrer', 420],
  ['page_title', 300],
])
/** Fields that went into parameters of Google's own. */
const used: ReadonlySet<string> = new Set(
  'url referrer title products order_id total revenue value currency query engagement_time_msec session_id'.split(' '),
)
const reservedPrefix = /^(_|firebase_|ga_|google_|gtag\.)/

/** Cuts a value to its longest, and never through a character. */
export const cutValue = (value: string, most = longestValue): string =>
  value.slice(0, most).replace(/[\ud800-\udbff]$/, '')

/**
 * Adds properties of an event to its parameters: values, and those of objects with the names of both joined, up to 25 in sum.
 *
 * @param first parameters that count before others
 * @param event whose properties are added
 * @returns all of them, with texts cut
 */
export function addParams(first: Readonly<Record<string, unknown>>, event: Event): Record<string, unknown> {
  const params: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(first))
    params[name] = typeof value === 'string' ? cutValue(value, longer.get(name)) : value
  for (const [name, value] of valuesIn(event.properties ?? {}, '')) {
    if (Object.keys(params).length >= mostParams) break
    if (!Object.hasOwn(params, name) && !used.has(name))
      params[name] = typeof value === 'string' ? cutValue(value, longer.get(name)) : value
  }
  return params
}

/** Values with names that Google takes; lists have none. */
function* valuesIn(holder: Readonly<Record<string, unknown>>, prefix: string): Generator<readonly [string, unknown]> {
  for (const [key, value] of Object.entries(holder)) {
    const name = `${prefix}${key.trim().replaceAll(/[^\p{L}\p{N}_]+/gu, '_')}`
    if (isRecord(value)) yield* valuesIn(value, `${name}_`)
    else if (!/^\p{L}/u.test(name) || reservedPrefix.test(name) || name.length > longestName) continue
    else if (typeof value === 'boolean') yield [name, `${value}`]
    else if (typeof value === 'number' || (typeof value === 'string' && value !== '')) yield [name, value]
  }
}

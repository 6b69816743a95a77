import type { Event } from 'sluiceway/event'

/** What counters and dead letters call this transform. */
export const name = 'campaign-from-url'

/** Parameters by the field of `context.campaign` that RudderStack's event specification has for them. */
const parameters = {
  name: 'utm_campaign',
  source: 'utm_source',
  medium: 'utm_medium',
  term: 'utm_term',
  content: 'utm_content',
  id: 'utm_id',
} as const

/**
 * Fills `context.campaign` from the utm parameters of the page's URL, for events whose SDK did not.
 *
 * Looks at `context.page.url`, then `properties.url`, then `context.page.search`; the first that has utm parameters counts.
 * What is in `context.campaign` stays. Only the six standard parameters are taken: others could make any number of columns.
 * Click ids (gclid, fbclid) have no place in the specification; they stay in the URL.
 * https://www.rudderstack.com/docs/event-spec/standard-events/common-fields/ (checked 2026-11-22)
 *
 * @returns the event, changed in place
 */
export function transformEvent(event: Event): Event {
  const page = recordOf(event.context?.['page'])
  const texts = [page['url'], event.properties?.['url'], page['search']]
  const query = texts.find((text): text is string => typeof text === 'string' && text.includes('utm_'))
  if (query === undefined) return event
  const found = new URLSearchParams(query.slice(query.indexOf('?') + 1).split('#', 1)[0])
  const known = recordOf(event.context?.['campaign'])
  const added: Record<string, string> = {}
  for (const [field, parameter] of Object.entries(parameters)) {
    const value = found.get(parameter)?.trim()
    if (value !== undefined && value !== '' && isEmpty(known[field])) added[field] = value
  }
  if (Object.keys(added).length > 0) event.context = { ...event.context, campaign: { ...known, ...added } }
  return event
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === ''

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

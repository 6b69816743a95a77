import { type FieldMapping, mapFields, valueAt } from '../shared/fields.ts'

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/page_viewed (checked 2026-11-25) */
const pageMapping: FieldMapping = [
  ['document.title', 'title'],
  ['document.location.pathname', 'path'],
  ['document.location.search', 'search'],
  ['document.referrer', 'referrer'],
]

const browserMapping: FieldMapping = [
  ['navigator.userAgent', 'userAgent'],
  ['navigator.language', 'locale'],
  ['window.screen.width', 'screen.width'],
  ['window.screen.height', 'screen.height'],
  ['window.innerWidth', 'screen.innerWidth'],
  ['window.innerHeight', 'screen.innerHeight'],
]

/** The page that a visitor saw. */
export function pageOf(context: unknown): Record<string, unknown> {
  const href = valueAt(context, 'document.location.href')
  return mapFields(typeof href === 'string' ? { url: href.split('?', 1)[0] } : {}, context, pageMapping)
}

/** What the pixel knows of the browser and the page, in the words of the event specification. */
export function contextOf(context: unknown): Record<string, unknown> {
  const page = pageOf(context)
  const search = page['search'] ?? ''
  const campaign = campaignOf(search === '' ? queryOf(valueAt(context, 'document.location.href')) : search)
  return {
    ...mapFields({}, context, browserMapping),
    ...(Object.keys(page).length === 0 ? {} : { page }),
    ...(Object.keys(campaign).length === 0 ? {} : { campaign }),
  }
}

/** The query of an address, for pages whose script changed it without saying so. */
const queryOf = (href: unknown): string => (typeof href === 'string' ? (/\?([^#]*)/.exec(href)?.[1] ?? '') : '')

/** The campaign that a query names: `utm_campaign` is its name, the others keep theirs without `utm_`. */
function campaignOf(search: unknown): Record<string, string> {
  const query = new URLSearchParams(typeof search === 'string' ? search : '')
  return Object.fromEntries(
    [...query]
      .filter(([name, value]) => name.startsWith('utm_') && name.length > 4 && value !== '')
      .map(([name, value]) => [name === 'utm_campaign' ? 'name' : name.slice(4), value]),
  )
}

/** The token of the cart in the address of a checkout: `/checkouts/cn/<token>/…`. */
export function cartInPath(context: unknown): string | undefined {
  const path = valueAt(context, 'document.location.pathname')
  return typeof path === 'string' ? /\/checkouts\/cn?\/([^/?#]+)/.exec(path)?.[1] : undefined
}

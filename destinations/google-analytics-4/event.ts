// Events: https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference (checked 2026-11-29)
import { valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { itemsOf } from './items.ts'
import { addParams } from './params.ts'

/** An event as the Measurement Protocol takes it. */
export interface GaEvent {
  readonly name: string
  readonly params: Readonly<Record<string, unknown>>
}

/** Names of the specification's shop events, as RudderStack maps them. */
const shopEvents: Readonly<Record<string, string>> = {
  'Products Searched': 'search',
  'Product List Viewed': 'view_item_list',
  'Promotion Viewed': 'view_promotion',
  'Promotion Clicked': 'select_promotion',
  'Product Clicked': 'select_item',
  'Product Viewed': 'view_item',
  'Product Added': 'add_to_cart',
  'Product Removed': 'remove_from_cart',
  'Cart Viewed': 'view_cart',
  'Checkout Started': 'begin_checkout',
  'Payment Info Entered': 'add_payment_info',
  'Order Completed': 'purchase',
  'Order Refunded': 'refund',
  'Product Added to Wishlist': 'add_to_wishlist',
  'Product Shared': 'share',
  'Cart Shared': 'share',
}

/** Names that Google keeps for itself. */
const reserved: ReadonlySet<string> = new Set(
  (
    'ad_activeview ad_click ad_exposure ad_query ad_reward adunit_exposure app_background app_clear_data app_exception ' +
    'app_install app_remove app_store_refund app_store_subscription_cancel app_store_subscription_convert ' +
    'app_store_subscription_renew app_update app_upgrade dynamic_link_app_open dynamic_link_app_update ' +
    'dynamic_link_first_open error firebase_campaign firebase_in_app_message_action firebase_in_app_message_dismiss ' +
    'firebase_in_app_message_impression first_open first_visit in_app_purchase notification_dismiss ' +
    'notification_foreground notification_open notification_receive os_update session_start ' +
    'session_start_with_rollout user_engagement'
  ).split(' '),
)
const reservedPrefix = /^(_|firebase_|ga_|google_|gtag\.)/

/**
 * Says why Google would leave out an event of this name.
 *
 * @param name of an event
 * @returns a part of a sentence, or undefined
 */
export function nameProblem(name: string): string | undefined {
  if (reserved.has(name) || reservedPrefix.test(name))
    return `has the name "${name.slice(0, 40)}", which Google keeps for itself`
  if (!/^\p{L}[\p{L}\p{N}_]*$/u.test(name))
    return 'has a name that does not begin with a letter and go on with letters, digits and "_"'
  return name.length > 40 ? 'has a name of more than 40 characters' : undefined
}

/**
 * Makes an event of the Measurement Protocol.
 *
 * @param event of the specification
 * @param names of the user's, by the names of track events
 * @returns undefined for what Google has no use for: identify and alias
 * @throws Error where Google would leave it out
 */
export function gaEventOf(event: Event, names: Readonly<Record<string, string>> = {}): GaEvent | undefined {
  const name = nameOf(event, names)
  if (name === undefined) return undefined
  const problem = nameProblem(name)
  if (problem !== undefined) throw new Error(`the event ${problem}`)
  return { name, params: paramsOf(event, name) }
}

function nameOf({ type, event = '' }: Event, names: Readonly<Record<string, string>>): string | undefined {
  if (type === 'page') return 'page_view'
  if (type === 'screen') return 'screen_view'
  if (type === 'group') return 'join_group'
  if (type !== 'track') return undefined
  if (Object.hasOwn(names, event)) return names[event]
  if (Object.hasOwn(shopEvents, event)) return shopEvents[event]
  return event.trim().replaceAll(/[\s.-]+/g, '_')
}

function paramsOf(event: Event, name: string): Record<string, unknown> {
  const first: Record<string, unknown> = {}
  const set = (key: string, value: unknown) => {
    if (value !== undefined) first[key] = value
  }
  // Without these, Google counts nobody as active.
  set('engagement_time_msec', numberAt(event, 'properties.engagement_time_msec') ?? 1)
  set('session_id', valueAt(event, 'integrations.GA4.sessionId', 'context.sessionId', 'properties.session_id'))
  if (name === 'page_view') {
    set('page_location', valueAt(event, 'properties.url', 'context.page.url'))
    set('page_referrer', valueAt(event, 'properties.referrer', 'context.page.referrer'))
    set('page_title', valueAt(event, 'properties.title', 'context.page.title'))
  }
  if (name === 'screen_view') set('screen_name', valueAt(event, 'name', 'properties.name'))
  if (name === 'join_group') set('group_id', valueAt(event, 'groupId'))
  if (name === 'search') set('search_term', valueAt(event, 'properties.query', 'properties.search_term'))
  set('transaction_id', valueAt(event, 'properties.transaction_id', 'properties.order_id'))
  const value = numberAt(event, 'properties.value', 'properties.total', 'properties.revenue', 'properties.price')
  set('value', value)
  const currency = valueAt(event, 'properties.currency')
  set('currency', typeof currency === 'string' ? currency.toUpperCase() : undefined)
  set('items', itemsOf(event, name))
  return addParams(first, event)
}

function numberAt(event: Event, ...paths: readonly string[]): number | undefined {
  for (const path of paths) {
    const value = valueAt(event, path)
    const number = typeof value === 'string' ? Number(value) : value
    if (typeof number === 'number' && Number.isFinite(number)) return number
  }
  return undefined
}

// Server events: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event (checked 2026-11-29)
import { type Envelope, isRecord, valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { userDataOf } from './user-data.ts'

/** Settings that decide what an event becomes. */
interface EventSettings {
  readonly actionSource: string
  readonly events?: Readonly<Record<string, string>>
  readonly limitedDataUse: boolean
}

/** Meta's standard events, by the names of the specification. */
const standardEvents: Readonly<Record<string, string>> = {
  'Products Searched': 'Search',
  'Product List Viewed': 'ViewContent',
  'Product Viewed': 'ViewContent',
  'Product Added': 'AddToCart',
  'Product Added to Wishlist': 'AddToWishlist',
  'Checkout Started': 'InitiateCheckout',
  'Payment Info Entered': 'AddPaymentInfo',
  'Order Completed': 'Purchase',
  'Signed Up': 'CompleteRegistration',
  'Subscription Started': 'Subscribe',
  'Trial Started': 'StartTrial',
}

/**
 * Makes what Meta takes of an event: of track and page.
 *
 * @param envelope with the event, and with the address and user agent of the request that brought it
 * @param settings checked
 * @returns undefined for other types
 * @throws Error where Meta would refuse it, with what is missing
 */
export function serverEventOf(envelope: Envelope, settings: EventSettings): object | undefined {
  const { event, id, header } = envelope
  if (event.type !== 'track' && event.type !== 'page') return undefined
  const name = event.type === 'page' ? 'PageView' : trackName(event, settings.events)
  const time = Date.parse(event.timestamp ?? event.originalTimestamp ?? '')
  const url = valueAt(event, 'properties.url', 'context.page.url')
  const userData = userDataOf(event, header.facts)
  const { actionSource, limitedDataUse } = settings
  if (actionSource === 'website' && (userData['client_user_agent'] === undefined || typeof url !== 'string'))
    throw new Error(
      'Meta wants context.userAgent and context.page.url of events of a website; "actionSource" says where others happen',
    )
  if (Object.keys(userData).every((field) => field === 'client_user_agent' || field === 'client_ip_address'))
    if (userData['client_user_agent'] === undefined || userData['client_ip_address'] === undefined)
      throw new Error('Meta needs something by which it may know the user: an email, a phone, a userId, fbp or fbc')
  return {
    event_name: name,
    event_time: Math.floor((Number.isNaN(time) ? Date.parse(header.receivedAt) : time) / 1_000),
    event_id: id,
    action_source: actionSource,
    ...(typeof url === 'string' && /^https?:/.test(url) ? { event_source_url: url } : {}),
    user_data: userData,
    custom_data: customDataOf(event),
    ...(limitedDataUse
      ? { data_processing_options: ['LDU'], data_processing_options_country: 0, data_processing_options_state: 0 }
      : {}),
  }
}

function trackName({ event = '' }: Event, names: Readonly<Record<string, string>> = {}): string {
  const name = Object.hasOwn(names, event)
    ? names[event]
    : Object.hasOwn(standardEvents, event)
      ? standardEvents[event]
      : event
  if (name === undefined || name.trim() === '') throw new Error('Meta needs the name of the event')
  return name.trim()
}

/** https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/custom-data */
function customDataOf(event: Event): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  const set = (field: string, value: unknown) => {
    if (value !== undefined) data[field] = value
  }
  const products = valueAt(event, 'properties.products')
  const given: readonly unknown[] = Array.isArray(products) ? products : [event.properties]
  const contents = given.flatMap((one) => contentOf(one))
  set('value', numberAt(event, 'properties.revenue', 'properties.total', 'properties.value', 'properties.price'))
  const currency = valueAt(event, 'properties.currency')
  set('currency', typeof currency === 'string' ? currency.toUpperCase() : undefined)
  set('order_id', textAt(event, 'properties.order_id'))
  set('search_string', textAt(event, 'properties.query'))
  set('content_name', textAt(event, 'properties.name'))
  set('content_category', textAt(event, 'properties.category'))
  if (contents.length > 0) {
    set('content_type', 'product')
    set(
      'content_ids',
      contents.map(({ id }) => id),
    )
    set('contents', contents)
    set(
      'num_items',
      contents.reduce((sum, { quantity }) => sum + quantity, 0),
    )
  }
  return data
}

function contentOf(product: unknown): { id: string; quantity: number; item_price?: number }[] {
  if (!isRecord(product)) return []
  const id = textAt(product, 'product_id', 'sku')
  if (id === undefined) return []
  const price = numberAt(product, 'price')
  return [{ id, quantity: numberAt(product, 'quantity') ?? 1, ...(price === undefined ? {} : { item_price: price }) }]
}

function textAt(holder: unknown, ...paths: readonly string[]): string | undefined {
  const value = valueAt(holder, ...paths)
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : undefined
}

function numberAt(holder: unknown, ...paths: readonly string[]): number | undefined {
  for (const path of paths) {
    const value = valueAt(holder, path)
    const number = typeof value === 'string' ? Number(value) : value
    if (typeof number === 'number' && Number.isFinite(number)) return number
  }
  return undefined
}

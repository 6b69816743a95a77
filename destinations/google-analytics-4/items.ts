// Items: https://developers.google.com/analytics/devguides/collection/ga4/reference/events (checked 2026-11-29)
import { isRecord, valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { cutValue } from './params.ts'

/** Items of one event. */
const mostItems = 200

/** Fields of an item, by the fields of a product of the specification; of several, the first that is there. */
const fields: readonly (readonly [string, ...string[]])[] = [
  ['item_id', 'product_id', 'sku', 'item_id'],
  ['item_name', 'name', 'item_name'],
  ['item_brand', 'brand', 'item_brand'],
  ['item_category', 'category', 'item_category'],
  ['item_variant', 'variant', 'item_variant'],
  ['affiliation', 'affiliation'],
  ['coupon', 'coupon'],
  ['discount', 'discount'],
  ['index', 'position', 'index'],
  ['price', 'price'],
  ['quantity', 'quantity'],
]
const numbers: ReadonlySet<string> = new Set(['discount', 'index', 'price', 'quantity'])
/** Events of one product, whose fields are in the properties themselves. */
const ofOne = /^(view_item|select_item|add_to_cart|remove_from_cart|add_to_wishlist)$/

/**
 * Makes the items of an event: of `properties.products`, or of the properties where the event is about one product.
 *
 * @param event of the specification
 * @param name of Google's event
 * @returns undefined where there are none that have an id or a name, without which Google takes no item
 */
export function itemsOf(event: Event, name: string): object[] | undefined {
  const products = valueAt(event, 'properties.products')
  const given: readonly unknown[] = Array.isArray(products) ? products : ofOne.test(name) ? [event.properties] : []
  const items = given.slice(0, mostItems).flatMap((product) => itemOf(product))
  return items.length === 0 ? undefined : items
}

function itemOf(product: unknown): object[] {
  if (!isRecord(product)) return []
  const item: Record<string, unknown> = {}
  for (const [field, ...names] of fields) {
    const value = valueAt(product, ...names)
    if (numbers.has(field)) {
      const number = typeof value === 'string' ? Number(value) : value
      if (typeof number === 'number' && Number.isFinite(number)) item[field] = number
    } else if (typeof value === 'string' || typeof value === 'number') item[field] = cutValue(`${value}`)
  }
  return item['item_id'] === undefined && item['item_name'] === undefined ? [] : [item]
}

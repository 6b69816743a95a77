import { isBlank, isRecord } from '../../core/json.ts'
import { type FieldMapping, mapFields, valueAt } from '../shared/fields.ts'

/**
 * A line of an order, checkout or cart, as Shopify's webhooks write it.
 *
 * https://shopify.dev/docs/api/admin-rest/latest/resources/order (checked 2026-11-25)
 */
const lineMapping: FieldMapping = [
  ['product_id', 'product_id'],
  ['sku', 'sku'],
  [['name', 'title'], 'title'],
  ['price', 'price'],
  ['vendor', 'brand'],
  ['quantity', 'quantity'],
]

/** What is told of the variant of a line, in one text. */
const variantNames = ['variant_id', 'variant_price', 'variant_title']

/**
 * A product variant, as the pixel's events write it; RudderStack names the variant after the product.
 *
 * https://shopify.dev/docs/api/web-pixels-api/standard-events/product_viewed (checked 2026-11-25)
 */
const variantMapping: FieldMapping = [
  ['product.id', 'product_id'],
  ['sku', 'sku'],
  ['title', 'name'],
  ['product.vendor', 'brand'],
  ['product.type', 'category'],
  ['product.title', 'variant'],
  ['price.amount', 'price'],
  ['price.currencyCode', 'currency'],
  ['image.src', 'image_url'],
  ['product.url', 'url'],
]

/** A product of an event, by the names of the e-commerce specification. */
export type Product = Record<string, unknown>

/**
 * The products of a webhook's `line_items`; ids become text, prices stay as Shopify writes them.
 *
 * @param whole true for lines that keep their other fields beside these
 */
export const productsOf = (lines: unknown, whole: boolean): Product[] =>
  listOf(lines).map((line) => {
    const product = mapFields({}, line, lineMapping)
    const variant = variantNames.map((name) => valueAt(line, name)).filter((one) => !isBlank(one))
    return {
      ...(whole ? withoutNames(line) : {}),
      ...product,
      product_id: numberAsText(product['product_id']),
      ...(variant.length === 0 ? {} : { variant: variant.map(String).join(' ') }),
    }
  })

/** A line without the fields that a product has by another name. */
function withoutNames(line: unknown): Record<string, unknown> {
  const { name: _, vendor: __, ...rest } = isRecord(line) ? line : {}
  return rest
}

/** The product of a variant. */
export const productOf = (variant: unknown): Product => mapFields({}, variant, variantMapping)

/** The products of a list of variants. */
export const variantsOf = (variants: unknown): Product[] => listOf(variants).map(productOf)

/** The product of a cart's line or a checkout's: the variant, how many, and the line's title if the variant has none. */
export function lineOf(line: unknown): Product {
  const product = productOf(valueAt(line, 'merchandise') ?? valueAt(line, 'variant'))
  return mapFields(product, line, [
    ['quantity', 'quantity'],
    ['title', 'name'],
  ])
}

/** The products of a list of lines. */
export const linesOf = (lines: unknown): Product[] => listOf(lines).map(lineOf)

/** Shopify's ids are numbers in webhooks and text in the pixel: text joins both. */
export const numberAsText = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value)

/** The list, or none. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

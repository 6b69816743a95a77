import type { Event } from '../../src/core/event.ts'
import { Random } from './random.ts'
import { words } from './words.ts'

/** An id of the right length that a prepared request overwrites; see `PreparedRequest`. */
export const blankId = '00000000-0000-4000-8000-000000000000'

/** One of the shop's visitors: what stays the same from event to event. */
interface Visitor {
  readonly userId: string | undefined
  readonly context: Record<string, unknown>
}

/**
 * Makes events of a made-up web shop as a browser SDK sends them: different visitors, browsers, products and pages, about
 * 1.4 KB of JSON each on average.
 *
 * `messageId` and `anonymousId` are `blankId`; everything else depends on the seed only.
 */
export class Events {
  readonly #random: Random
  readonly #at: number

  /** @param now milliseconds since the epoch, near which the events happened */
  constructor(seed: number, now: number = Date.now()) {
    this.#random = new Random(seed)
    this.#at = now
  }

  next(): Event {
    const random = this.#random
    const { userId, context } = this.#visitor()
    const common = {
      messageId: blankId,
      anonymousId: blankId,
      ...(userId === undefined ? {} : { userId }),
      channel: 'web',
      context,
      originalTimestamp: new Date(this.#at - random.whole(20, 4_000)).toISOString(),
      integrations: { All: true },
    }
    const kind = random.next()
    if (kind < 0.3) return { type: 'page', name: random.pick(words.titles), ...common, properties: this.#page() }
    if (kind < 0.34) return { type: 'identify', ...common, userId: userId ?? random.hex(10), traits: this.#traits() }
    const track = (event: string, properties: Record<string, unknown>): Event => ({
      type: 'track',
      event,
      ...common,
      properties,
    })
    if (kind < 0.62) return track('Product Viewed', { ...this.#product(), ...this.#offer() })
    if (kind < 0.72)
      return track('Product Added', { cart_id: random.hex(16), ...this.#product(), quantity: random.whole(1, 3) })
    if (kind < 0.8)
      return track('Products Searched', { query: random.pick(words.searches), results: random.whole(0, 90) })
    if (kind < 0.9)
      return track('Product List Viewed', {
        list_id: `list-${random.whole(10, 99)}`,
        category: random.pick(words.categories),
        products: this.#products(random.whole(1, 3)),
      })
    return track('Order Completed', this.#order())
  }

  #visitor(): Visitor {
    const random = this.#random
    const [source = '', medium = ''] = random.pick(words.channels).split(' / ')
    const width = random.pick([390, 412, 768, 1280, 1440, 1536, 1920, 2560])
    const height = Math.round(width * random.pick([0.5625, 0.625, 2.16]))
    return {
      userId: random.chance(0.4) ? `customer-${random.whole(100_000, 999_999)}` : undefined,
      context: {
        app: { name: 'RudderLabs JavaScript SDK', namespace: 'com.rudderlabs.javascript', version: '3.34.1' },
        library: { name: 'RudderLabs JavaScript SDK', version: '3.34.1' },
        userAgent: this.#userAgent(width < 800),
        os: { name: '', version: '' },
        locale: random.pick(words.locales),
        timezone: random.pick(words.zones),
        screen: {
          density: random.pick([1, 1.25, 2, 3]),
          width,
          height,
          innerWidth: width - random.whole(0, 90),
          innerHeight: height - random.whole(60, 200),
        },
        sessionId: this.#at - random.whole(1_000, 1_800_000),
        page: this.#page(),
        ...(random.chance(0.5) ? { campaign: { name: random.pick(words.campaigns), source, medium } } : {}),
      },
    }
  }

  #userAgent(phone: boolean): string {
    const random = this.#random
    // Browsers tell the major version only: https://www.chromium.org/updates/ua-reduction/
    const chrome = `Chrome/${random.whole(128, 142)}.0.0.0`
    const system = random.pick(
      phone
        ? [
            `Linux; Android ${random.whole(12, 16)}; Pixel ${random.whole(6, 10)}`,
            `iPhone; CPU iPhone OS ${random.whole(16, 19)}_${random.whole(0, 6)} like Mac OS X`,
          ]
        : ['Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'X11; Linux x86_64'],
    )
    return `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) ${chrome} ${phone ? 'Mobile ' : ''}Safari/537.36`
  }

  #page(): Record<string, unknown> {
    const random = this.#random
    const title = random.pick(words.titles)
    const path = `/${slug(random.pick(words.categories))}/${slug(title)}`
    const search = random.chance(0.3) ? `?utm_campaign=${random.pick(words.campaigns)}&gclid=${random.hex(24)}` : ''
    const referrer = random.chance(0.5) ? random.pick(words.referrers) : `https://shop.example.com/${slug(title)}`
    return {
      path,
      referrer,
      referring_domain: new URL(referrer).hostname,
      search,
      title: `${title} | The Example Shop`,
      url: `https://shop.example.com${path}${search}`,
    }
  }

  #product(): Record<string, unknown> {
    const random = this.#random
    const name = `${random.pick(words.adjectives)} ${random.pick(words.things)}`
    const number = random.whole(10_000, 99_999)
    return {
      product_id: `p-${number}`,
      sku: `${random.hex(4).toUpperCase()}-${number % 1_000}`,
      name,
      brand: random.pick(words.brands),
      category: random.pick(words.categories),
      variant: random.pick(words.variants),
      price: random.whole(300, 24_900) / 100,
      url: `https://shop.example.com/products/${slug(name)}-${number}`,
    }
  }

  #products(count: number): Record<string, unknown>[] {
    return Array.from({ length: count }, (_, i) => ({ ...this.#product(), position: i + 1 }))
  }

  #offer(): Record<string, unknown> {
    const random = this.#random
    return {
      currency: random.pick(['EUR', 'GBP', 'USD', 'JPY', 'AUD']),
      color: random.pick(words.colors),
      in_stock: random.chance(0.9),
      rating: random.whole(20, 50) / 10,
      ...(random.chance(0.2) ? { coupon: random.pick(words.coupons) } : {}),
    }
  }

  #order(): Record<string, unknown> {
    const random = this.#random
    const products = this.#products(random.chance(0.3) ? 2 : 1).map((product) => ({
      ...product,
      quantity: random.whole(1, 3),
    }))
    return {
      checkout_id: random.hex(16),
      order_id: `o-${random.whole(1_000_000, 9_999_999)}`,
      total: random.whole(900, 39_900) / 100,
      shipping: random.pick([0, 4.9, 9.9]),
      tax: random.whole(100, 6_000) / 100,
      currency: random.pick(['EUR', 'GBP', 'USD', 'JPY', 'AUD']),
      payment_method: random.pick(words.payments),
      shipping_method: random.pick(words.shippings),
      ...(random.chance(0.2) ? { coupon: random.pick(words.coupons) } : {}),
      products,
    }
  }

  #traits(): Record<string, unknown> {
    const random = this.#random
    const first = random.pick(words.firstNames)
    const last = random.pick(words.lastNames)
    return {
      name: `${first} ${last}`,
      firstName: first,
      lastName: last,
      email: `${first}.${last}${random.whole(1, 999)}@${random.pick(words.mailHosts)}`.toLowerCase(),
      plan: random.pick(['guest', 'member', 'member plus']),
      createdAt: new Date(this.#at - random.whole(1, 900) * 86_400_000).toISOString(),
      newsletter: random.chance(0.4),
      favourite_category: random.pick(words.categories),
    }
  }
}

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')

// The shop: what a site with the browser SDK does. Properties follow the e-commerce part of the event specification.

const products = {
  wheel: { product_id: 'DE-WHEEL-10', name: 'Brass figure wheel', category: 'Mechanism', price: 12.5, position: 1 },
  cards: { product_id: 'AE-CARDS-25', name: 'Punched cards', category: 'Media', price: 4, position: 2 },
  notes: { product_id: 'NOTES-1843', name: 'Notes by the Translator', category: 'Books', price: 18, position: 3 },
}
const shipping = 3
const taxRate = 0.2

const propertiesOf = (key) => ({
  ...products[key],
  sku: products[key].product_id,
  brand: 'Babbage & Clement',
  currency: 'GBP',
  quantity: 1,
  url: `${location.origin}/demo#${key}`,
})

const pence = (amount) => Math.round(amount * 100) / 100
const pounds = (amount) => `£${amount.toFixed(2)}`

/**
 * Starts the SDK so that it talks to this server only, and wires the buttons.
 *
 * @param {{ writeKey: string, dataPlaneUrl: string, onSent: (event: { name: string, id?: string, dropped?: boolean }) => void, onProblem: (text: string) => void }} options
 */
export function openShop({ writeKey, dataPlaneUrl, onSent, onProblem }) {
  const sdk = window.rudderanalytics
  if (typeof sdk?.load !== 'function') {
    onProblem('The browser SDK did not load. A blocker may have stopped a script with “analytics” in its name.')
    return
  }
  const { origin } = location
  sdk.load(writeKey, dataPlaneUrl, {
    configUrl: dataPlaneUrl,
    destSDKBaseURL: `${origin}/sdk/integrations`,
    pluginsSDKBaseURL: `${origin}/sdk/plugins`,
    integrations: { All: true },
    loadIntegration: false,
    polyfillIfRequired: false,
    sendAdblockPage: false,
    useBeacon: false,
    useServerSideCookies: false,
    sameSiteCookie: 'Lax',
    logLevel: 'ERROR',
  })

  const sent = (name) => (event) => onSent({ name, id: event?.messageId })
  const track = (name, properties) => sdk.track(name, properties, {}, sent(name))
  const byHand = (name, event) =>
    post(event, { writeKey, dataPlaneUrl }).then(
      (sent) => onSent({ name, ...sent }),
      () => onProblem('The event could not be sent.'),
    )
  const cart = new Map()
  const login = document.getElementById('login')
  const cartId = crypto.randomUUID?.() ?? String(Math.random())

  const linesOf = () => [...cart].map(([key, quantity]) => ({ ...propertiesOf(key), quantity }))
  const showCart = () => {
    const lines = linesOf()
    const items = lines.reduce((sum, { quantity }) => sum + quantity, 0)
    const total = lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
    document.getElementById('cart').textContent =
      items === 0 ? 'Your cart is empty' : `${items} ${items === 1 ? 'item' : 'items'} · ${pounds(total)}`
    document.getElementById('order').disabled = items === 0
  }
  const showLogin = (name) => {
    login.dataset.action = name === '' ? 'login' : 'logout'
    login.textContent = name === '' ? 'Log in as Ada Lovelace' : `Log out ${name}`
  }

  const actions = {
    view: (key) => track('Product Viewed', propertiesOf(key)),
    add: (key) => {
      cart.set(key, (cart.get(key) ?? 0) + 1)
      showCart()
      track('Product Added', { ...propertiesOf(key), cart_id: cartId })
    },
    order: () => {
      const lines = linesOf()
      const revenue = pence(lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0))
      const tax = pence(revenue * taxRate)
      track('Order Completed', {
        order_id: `DE-${Date.now().toString(36).toUpperCase()}`,
        affiliation: 'Difference Engine Shop',
        revenue,
        shipping,
        tax,
        total: pence(revenue + shipping + tax),
        currency: 'GBP',
        products: lines,
      })
      cart.clear()
      showCart()
    },
    login: () => {
      sdk.identify(
        'ada',
        { name: 'Ada Lovelace', email: 'ada@example.com', plan: 'analytical' },
        {},
        sent('Ada Lovelace'),
      )
      showLogin('Ada Lovelace')
    },
    logout: () => {
      sdk.reset()
      showLogin('')
    },
    broken: () => byHand('Order Completed, broken', { event: 'Order Completed', properties: { total: 'a lot' } }),
    bot: () => byHand('Product Viewed, by a bot', { ...botView, properties: propertiesOf('wheel') }),
  }
  document.getElementById('shop').addEventListener('click', ({ target }) => {
    const button = target.closest('button[data-action]')
    if (button !== null) actions[button.dataset.action]?.(button.closest('[data-product]')?.dataset.product)
  })

  sdk.ready?.(() => showLogin(sdk.getUserId() === 'ada' ? 'Ada Lovelace' : ''))
  sdk.page('Shop', 'Difference Engine Shop', {}, {}, sent('Page'))
}

const botView = {
  event: 'Product Viewed',
  anonymousId: 'a-crawler',
  context: { userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' },
}

/** Sends a track event that the SDK would not send: one of nobody, or of another browser. */
async function post(event, { writeKey, dataPlaneUrl }) {
  const id = `by-hand-${Date.now().toString(36)}`
  const response = await fetch(`${dataPlaneUrl}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ batch: [{ type: 'track', messageId: id, ...event }] }),
  })
  const { dropped = 0 } = await response.json()
  return { id, dropped: dropped > 0 }
}

import { defineTransform, KvReader } from 'sluiceway/transform'

/** Amounts of the e-commerce specification. */
const amounts = ['revenue', 'value', 'total', 'subtotal', 'shipping', 'tax', 'discount', 'price']

const isCode = (text: string): boolean => /^[A-Z]{3}$/.test(text)

/** How much one unit of a currency is worth, by its code. */
type Rates = ReadonlyMap<string, number>

/**
 * Converts amounts of an event and of its products into one currency.
 *
 * `properties.currency` says what the amounts are in, by its ISO 4217 code in any case; `original_currency` and `exchange_rate`
 * say how they were before. Amounts are rounded to the decimals of the currency. An event that has no currency stays as it is, unless
 * `assume` names one. A currency without a rate, and an amount that is no number, make a dead letter of the event: nothing
 * is called by a currency that it is not in. Rates stand in the config, or in a KV namespace that somebody keeps up to date, as
 * one row whose key is the code of `to` (`EUR`: `{ "USD": 0.92, "GBP": 1.17 }`).
 */
export const convertCurrency = defineTransform({
  name: 'convert-currency',
  settings: {
    to: {
      type: 'string',
      about: 'Code of the currency, e.g. "EUR".',
      check: (to: string) => (isCode(to) ? undefined : 'must be a code such as EUR'),
    },
    rates: {
      type: 'numbers',
      about: 'What one unit of each currency is worth in that of "to", e.g. { "USD": 0.92 }.',
      optional: true,
      check: (rates: Readonly<Record<string, number>>) => problemOf(new Map(Object.entries(rates))),
    },
    table: {
      type: 'string',
      about: 'Name that wrangler.toml binds the KV namespace with the rates to.',
      optional: true,
    },
    cacheSeconds: {
      type: 'number',
      about: 'How long rates of the table are used again.',
      default: 300,
      min: 0,
      max: 86_400,
    },
    fields: {
      type: 'list',
      about: `Properties, also of products, that are amounts; ${amounts.join(', ')}, where left out.`,
      optional: true,
    },
    assume: {
      type: 'string',
      about: 'Currency of events that name none.',
      optional: true,
      check: (code: string) => (isCode(code) ? undefined : 'must be a code such as EUR'),
    },
  },
  problems: ({ rates, table }) =>
    (rates === undefined) === (table === undefined) ? ['needs either "rates" or "table"'] : [],
  make: ({ to, rates, table = '', cacheSeconds, fields = amounts, assume }, tools) => {
    const fixed = rates === undefined ? undefined : new Map(Object.entries(rates))
    const reader = new KvReader(tools, { table, cacheSeconds })
    const ratesNow = async (): Promise<Rates> => fixed ?? ratesIn(await reader.read(to), { table, to })
    const digits =
      new Intl.NumberFormat('en', { style: 'currency', currency: to }).resolvedOptions().maximumFractionDigits ?? 2
    return {
      transformEvent: async (event) => {
        const { properties } = event
        if (typeof properties !== 'object' || properties === null) return event
        const own = properties['currency'] ?? assume
        const list: readonly unknown[] = Array.isArray(properties['products']) ? properties['products'] : []
        const holders = [properties, ...list.filter((one) => typeof one === 'object' && one !== null)] as Record<
          string,
          unknown
        >[]
        const places = holders.flatMap((holder) =>
          fields.filter((field) => (holder[field] ?? '') !== '').map((field) => ({ holder, field })),
        )
        if (places.length === 0 || own === undefined || own === null || own === '') return event
        if (typeof own !== 'string') throw new Error(`currency is no code: ${JSON.stringify(own)}`)
        const from = own.trim().toUpperCase()
        const rate = from === to ? 1 : (await ratesNow()).get(from)
        if (rate === undefined) throw new Error(`there is no rate from ${from} to ${to}`)
        // All are read before the first is changed.
        const converted = places.map(({ holder, field }) =>
          Number((amountOf(holder[field], field) * rate).toFixed(digits)),
        )
        for (const [i, { holder, field }] of places.entries()) if (from !== to) holder[field] = converted[i]
        properties['currency'] = to
        if (from !== to) Object.assign(properties, { original_currency: from, exchange_rate: rate })
        return event
      },
    }
  },
})

function amountOf(value: unknown, field: string): number {
  const amount = typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value
  if (typeof amount !== 'number' || !Number.isFinite(amount))
    throw new Error(`${field} is no number: ${JSON.stringify(value)}`)
  return amount
}

function ratesIn(text: string | null, { table, to }: { readonly table: string; readonly to: string }): Rates {
  let row: unknown
  try {
    row = JSON.parse(text ?? '')
  } catch {
    row = undefined
  }
  if (typeof row !== 'object' || row === null)
    throw new Error(`${table} has no row ${to} that is a JSON object of rates`)
  const rates = new Map(Object.entries(row as Record<string, number>))
  const problem = problemOf(rates)
  if (problem !== undefined) throw new Error(`the row ${to} of ${table} ${problem}`)
  return rates
}

function problemOf(rates: Rates): string | undefined {
  const wrong = [...rates].find(([code, rate]) => !isCode(code) || typeof rate !== 'number' || !(rate > 0))
  return wrong === undefined
    ? undefined
    : `must give a code such as USD a number above 0, not ${JSON.stringify(wrong[0])}`
}

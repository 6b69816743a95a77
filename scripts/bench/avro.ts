// What Avro costs an event, beside avsc, which compiles each schema to JavaScript: that cannot be done in a Worker.
import { Buffer } from 'node:buffer'
import avsc from 'avsc'
import { makeDecoder, makeEncoder } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:avro -- [options]

Encodes and decodes an order with 20 fields, two of them nested, and compares with avsc in the same process.

  --rounds <n>   rounds of each; medians are compared (default: 9)
  --values <n>   values in each round (default: 30000)
  --help         show this
`

const flags = numbersFrom(help, { rounds: 9, values: 30_000 })
const say = (text: string) => process.stdout.write(`${text}\n`)

const optional = (type: unknown) => ({ type: ['null', type], default: null })
const fields = (...list: readonly (readonly [string, object | string])[]) =>
  list.map(([name, type]) => (typeof type === 'string' ? { name, type } : { name, ...type }))
const schema = {
  type: 'record',
  name: 'OrderCompleted',
  namespace: 'shop',
  fields: fields(
    ['type', 'string'],
    ['event', 'string'],
    ['messageId', 'string'],
    ['anonymousId', 'string'],
    ['userId', optional('string')],
    ['timestamp', 'string'],
    [
      'context',
      {
        type: {
          type: 'record',
          name: 'Context',
          fields: fields(
            ['ip', optional('string')],
            ['locale', 'string'],
            ['userAgent', 'string'],
            ['screen', { type: { type: 'map', values: 'int' } }],
          ),
        },
      },
    ],
    [
      'properties',
      {
        type: {
          type: 'record',
          name: 'Properties',
          fields: fields(
            ['order_id', 'string'],
            ['total', 'double'],
            ['currency', { type: { type: 'enum', name: 'Currency', symbols: ['EUR', 'USD'] } }],
            ['revision', 'long'],
            [
              'products',
              {
                type: {
                  type: 'array',
                  items: {
                    type: 'record',
                    name: 'Product',
                    fields: fields(
                      ['sku', 'string'],
                      ['quantity', 'int'],
                      ['price', 'double'],
                      ['name', optional('string')],
                    ),
                  },
                },
              },
            ],
          ),
        },
      },
    ],
  ),
}

const orders = Array.from({ length: 100 }, (_, i) => ({
  type: 'track',
  event: 'Order Completed',
  messageId: `order-${1_800 + i}`,
  anonymousId: `visitor-${i}`,
  userId: i % 3 === 0 ? null : `user-${i}`,
  timestamp: '2026-11-28T17:45:30.123Z',
  context: {
    ip: null,
    locale: 'en-GB',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0',
    screen: { width: 1_920, height: 1_080 },
  },
  properties: {
    order_id: `${1_800 + i}`,
    total: 129.9 + i,
    currency: i % 2 === 0 ? 'EUR' : 'USD',
    revision: 1_764_351_930_123 + i,
    products: Array.from({ length: 1 + (i % 3) }, (_product, n) => ({
      sku: `SKU-${n}`,
      quantity: n + 1,
      price: 12.5,
      name: n === 0 ? 'Café crème' : null,
    })),
  },
}))

const theirs = avsc.Type.forSchema(structuredClone(schema) as avsc.Schema)
const type = parseSchema(schema)
const [encode, decode] = [makeEncoder(type), makeDecoder(type)]
const encoded = orders.map((order) => theirs.toBuffer(order))
const jsons = orders.map((order) => JSON.stringify(order))
for (const [i, order] of orders.entries())
  if (!Buffer.from(encode(order)).equals(encoded[i] as Buffer))
    throw new Error(`order ${i} is encoded in another way than by avsc`)

let kept: unknown
/** Microseconds of CPU per value. */
function cost(run: (i: number) => unknown): number {
  const before = process.cpuUsage()
  for (let i = 0; i < flags.values; i++) kept = run(i % orders.length)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / flags.values
}

const contestants = [
  { name: 'encode, avsc', run: (i: number) => theirs.toBuffer(orders[i]) },
  { name: 'encode, ours', run: (i: number) => encode(orders[i]) },
  { name: 'JSON.stringify', run: (i: number) => JSON.stringify(orders[i]) },
  { name: 'decode, avsc', run: (i: number) => theirs.fromBuffer(encoded[i] as Buffer) as unknown },
  { name: 'decode, ours', run: (i: number) => decode(encoded[i] as Buffer) },
  { name: 'JSON.parse', run: (i: number) => JSON.parse(jsons[i] as string) as unknown },
].map((contestant) => ({ ...contestant, costs: [] as number[] }))

for (let round = -2; round < flags.rounds; round++)
  for (const { run, costs } of contestants) {
    const found = cost(run)
    // The first rounds are for the compiler.
    if (round >= 0) costs.push(found)
  }

const bytes = encoded.reduce((sum, { length }) => sum + length, 0) / encoded.length
say(`\nan order of ${whole(bytes)} bytes in Avro, in Node ${process.versions.node}`)
const medians = contestants.map(({ costs }) => median(costs))
say(table([['', 'CPU µs/order'], ...contestants.map(({ name }, i) => [name, fixed(medians[i] ?? Number.NaN, 2)])]))
const ratio = (ours: number, other: number) => fixed((medians[ours] ?? Number.NaN) / (medians[other] ?? Number.NaN), 2)
say(`encode: ${ratio(1, 0)} × avsc, ${ratio(1, 2)} × JSON.stringify`)
say(`decode: ${ratio(4, 3)} × avsc, ${ratio(4, 5)} × JSON.parse`)
if (kept === undefined) say('nothing was measured')

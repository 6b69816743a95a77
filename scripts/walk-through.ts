// `npm run walk-through`: a shop's events on their way to two consumers of a Kafka topic, a webhook and tables, on this machine.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeDecoder } from '../src/avro/codec.ts'
import { readFrame } from '../src/avro/framing.ts'
import { parseSchema } from '../src/avro/parse-schema.ts'
import { reasonOf } from '../src/core/errors.ts'
import { d1Tables } from '../test/support/tables.ts'
import { missingServer } from './servers/missing-server.ts'
import { type Reader, readTopic, type TopicRecord } from './walk-through/consumer.ts'
import { topics } from './walk-through/schemas.ts'
import { sell, type ShopOrder } from './walk-through/shop.ts'
import { startWorld, type World } from './walk-through/world.ts'

const help = `Usage: npm run walk-through -- [options]

A shop sends what its customers do through RudderStack's SDK, a marketplace calls a webhook. Orders go to the Kafka topic "orders"
as Avro, where an inventory and an e-mail service read them, each for itself; the same events go to a webhook and into tables.
Everything runs on this machine and is gone afterwards. See docs/walk-through.md.

  --orders <number>   orders that are placed (default: 30)
  --port <number>     port of Sluiceway; 0 takes a free one (default: 0)
  --kafka             topics are in a real Kafka behind the bridge, schemas in a real registry; needs Java 17, and Maven once
  --exit              ends when all have arrived, instead of with Ctrl-C
  --help              show this
`

const say = (line: string) => process.stdout.write(`${line}\n`)
const told = (who: string, what: string) => say(`${who.padEnd(11)} ${what}`)

/** An order as consumers read it. */
interface Order {
  readonly customer: string
  readonly order_id: string
  readonly products: readonly { readonly sku: string; readonly quantity: number }[]
}

const done = new AbortController()
let world: World | undefined

async function end(code: number): Promise<never> {
  done.abort()
  await world?.stop()
  process.exit(code)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(0))
main().then(
  (isWell) => end(isWell ? 0 : 1),
  (thrown: unknown) => {
    process.stderr.write(`${reasonOf(thrown)}\n`)
    return end(1)
  },
)

/** Returns whether all arrived as promised. */
async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      orders: { type: 'string', default: '30' },
      port: { type: 'string', default: '0' },
      kafka: { type: 'boolean', default: false },
      exit: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return true
  }
  const orders = Number(values.orders)
  if (!Number.isInteger(orders) || orders < 1)
    throw new Error(`--orders must be a whole number from 1 on, not "${values.orders}"`)
  if (values.kafka) {
    const missing = (await missingServer('kafka')) ?? (await missingServer('registry'))
    if (missing !== undefined) throw new Error(`${missing}; without --kafka, Sluiceway's own log has the topics`)
  }
  process.stderr.write(
    values.kafka ? 'Starting Kafka, a registry, the bridge and Sluiceway …\n' : 'Starting Sluiceway …\n',
  )
  world = await startWorld({ isReal: values.kafka, port: Number(values.port) })
  return walk(world, orders, values.exit)
}

async function walk(world: World, count: number, exits: boolean): Promise<boolean> {
  const stock = new Service(world, 'inventory', ({ products }) =>
    products.map(({ sku, quantity }) => `${quantity} of ${sku} leave the stock`).join(', '),
  )
  const mail = new Service(world, 'email', ({ customer, order_id: id }) => `thanks ${customer} for ${id}`)
  // Two members of one group share its partitions.
  const reading = Promise.all([stock.read('inventory-1'), stock.read('inventory-2'), mail.read('email-1')])
  reading.catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`)
    void end(1)
  })
  const sold = await sell(world, {
    orders: count,
    restMs: 150,
    onOrder: ({ orderId, customer, channel }) => told(channel, `${customer} has bought: ${orderId}`),
  })
  const found = await arrived(world, sold, [stock, mail])
  say('')
  for (const [where, what, isWell] of found) say(`  ${isWell ? 'yes' : 'NO '}  ${where.padEnd(10)} ${what}`)
  say('')
  const isWell = found.every(([, , isWell]) => isWell)
  if (exits) return isWell
  const token = `-H "authorization: Bearer ${world.adminToken}"`
  const traced = sold.find(({ channel }) => channel === 'marketplace')
  if (traced !== undefined) say(`  Where an order went:   curl ${token} ${world.url}/admin/trace/${traced.orderId}`)
  say(`  How lanes are doing:   curl ${token} ${world.url}/admin/lanes`)
  say(`  Read the topic:        ${curlOf(world.reader('email', 'me'))}`)
  say('  Ctrl-C ends it; nothing is kept.')
  await new Promise(() => setInterval(() => {}, 60_000))
  return isWell
}

const curlOf = ({ url, username, password, topic }: Reader) =>
  `curl -u ${username}:${password} ${url}/fetch -d '{"topic":"${topic}","partition":0,"offset":0}'`

type Finding = readonly [where: string, what: string, isWell: boolean]

/** What is at each end, once all is there or half a minute is over. */
async function arrived(world: World, sold: readonly ShopOrder[], services: readonly Service[]): Promise<Finding[]> {
  const wanted = sold.map(({ orderId }) => orderId)
  const tables = d1Tables(world.state)
  const look = async (): Promise<Finding[]> => {
    const hooked = world.crm.delivered.filter(({ event }) => event === 'Order Completed')
    const rows = await tables.rows('order_completed')
    return [
      ...services.map((service) => service.finding(sold)),
      listFinding(
        'webhook',
        'has every order once',
        hooked.map(({ properties }) => String(properties?.['order_id'])),
        wanted,
      ),
      listFinding(
        'tables',
        'have every order in one row of order_completed',
        rows.map(({ order_id: id }) => String(id)),
        wanted,
      ),
    ]
  }
  for (const end = Date.now() + 30_000; ; await sleep(200)) {
    const found = await look()
    if (found.every(([, , isWell]) => isWell) || Date.now() > end) return found
  }
}

const isSame = (some: readonly string[], others: readonly string[]) =>
  some.toSorted().join() === others.toSorted().join()

const listFinding = (where: string, what: string, some: readonly string[], wanted: readonly string[]): Finding => [
  where,
  `${what} (${some.length} of ${wanted.length})`,
  isSame(some, wanted),
]

/** What consumes orders: it knows nothing of other consumers. */
class Service {
  readonly #world: World
  readonly #group: 'inventory' | 'email'
  readonly #work: (order: Order) => string
  readonly #seen: Order[] = []
  readonly #schemas = new Map<number, Promise<(bytes: Uint8Array) => unknown>>()

  constructor(world: World, group: 'inventory' | 'email', work: (order: Order) => string) {
    this.#world = world
    this.#group = group
    this.#work = work
  }

  read(instance: string): Promise<void> {
    const onRecords = async (records: readonly TopicRecord[]) => {
      for (const { partition, offset, value } of records) {
        const order = await this.#decode(value)
        this.#seen.push(order)
        told(this.#group, `${this.#work(order)} (${instance}, partition ${partition}, offset ${offset})`)
      }
    }
    return readTopic(this.#world.reader(this.#group, instance), onRecords, done.signal)
  }

  finding(sold: readonly ShopOrder[]): Finding {
    const ids = this.#seen.map(({ order_id: id }) => id)
    const numberOf = new Map(sold.map(({ orderId, number, channel }) => [orderId, { number, channel }]))
    const byCustomer = Map.groupBy(
      this.#seen,
      ({ customer, order_id: id }) => `${customer} ${numberOf.get(id)?.channel}`,
    )
    const isInOrder = [...byCustomer.values()].every((own) =>
      own.every(({ order_id: id }, i) => numberOf.get(id)?.number === i + 1),
    )
    const [where, what, isWell] = listFinding(
      this.#group,
      "has every order once, each customer's in their order",
      ids,
      [...numberOf.keys()],
    )
    return [where, what, isWell && isInOrder]
  }

  async #decode(value: Uint8Array): Promise<Order> {
    const { schema, payload } = readFrame(value)
    if (schema.kind !== 'id') throw new Error('the value names no schema by its id')
    let decode = this.#schemas.get(schema.id)
    if (decode === undefined) this.#schemas.set(schema.id, (decode = this.#decoderOf(schema.id)))
    return (await decode)(payload) as Order
  }

  async #decoderOf(id: number): Promise<(bytes: Uint8Array) => unknown> {
    const { registryUrl } = this.#world
    if (registryUrl === undefined) return makeDecoder(parseSchema(topics.orders.schema))
    const answer = await fetch(`${registryUrl}/schemas/ids/${id}`)
    return makeDecoder(parseSchema(((await answer.json()) as { schema: string }).schema))
  }
}

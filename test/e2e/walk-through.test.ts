// The walk-through of docs/walk-through.md, judged at its ends: a shop's SDK and a webhook, to two consumers, a webhook, tables.
import avsc from 'avsc'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type Reader, readTopic, type TopicRecord } from '../../scripts/walk-through/consumer.ts'
import { topics } from '../../scripts/walk-through/schemas.ts'
import { callWebhook, sell, type ShopOrder } from '../../scripts/walk-through/shop.ts'
import { startWorld, type World } from '../../scripts/walk-through/world.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { blocks } from '../support/documents.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

const orders = 40
const root = resolve(import.meta.dirname, '../..')
const page = 'docs/walk-through.md'

interface Order {
  readonly message_id: string
  readonly customer: string
  readonly order_id: string
  readonly number: number
  readonly total: number
  readonly currency: string
  readonly channel: string | null
  readonly products: readonly { readonly sku: string; readonly quantity: number }[]
}

const worlds = [
  { where: "Sluiceway's own log", isReal: false, missing: undefined },
  {
    where: 'a real Kafka and a real registry',
    isReal: true,
    missing: (await missingServer('kafka')) ?? (await missingServer('registry')),
  },
]

for (const { where, isReal, missing } of worlds)
  describe.skipIf(missing !== undefined)(`a shop whose topics are in ${where}`, { timeout: 60_000 }, () => {
    let world: World
    let sold: readonly ShopOrder[]
    const stocked: TopicRecord[] = []
    const mailed: TopicRecord[] = []
    const idsOf = (some: readonly { readonly orderId: string }[]) => some.map(({ orderId }) => orderId).toSorted()

    /** Reads until the signal, for so long at most as a busy machine needs. */
    const consume = (reader: Reader, into: TopicRecord[], end: AbortSignal) =>
      readTopic(reader, (records) => into.push(...records), AbortSignal.any([end, AbortSignal.timeout(40_000)]))

    /** Aborted once there are so many records, and a moment later, in which repeats would come. */
    function enough(records: readonly TopicRecord[], count: number, momentMs: number): AbortSignal {
      const end = new AbortController()
      const timer = setInterval(() => {
        if (records.length < count) return
        clearInterval(timer)
        setTimeout(() => end.abort(), momentMs)
      }, 20)
      return end.signal
    }

    beforeAll(async () => {
      world = await startWorld({ isReal })
      const done = enough(stocked, orders, 1_000)
      // Two members share the stock; one after the other sends mails, as when the first one was restarted.
      const consuming = Promise.all([
        consume(world.reader('inventory', 'inventory-1'), stocked, done),
        consume(world.reader('inventory', 'inventory-2'), stocked, done),
        consume(world.reader('email', 'email-1'), mailed, enough(mailed, orders / 3, 0)).then(() =>
          consume(world.reader('email', 'email-2'), mailed, enough(mailed, orders, 1_000)),
        ),
      ])
      sold = await sell(world, { orders, restMs: 50 })
      const again = sold.find(({ channel }) => channel === 'marketplace') as ShopOrder
      await callWebhook(world, saleOf(again, again.total))
      await callWebhook(world, saleOf({ ...again, orderId: 'marketplace-9001' }, '12,50'))
      await consuming
    }, 120_000)
    afterAll(() => world?.stop())

    const saleOf = ({ orderId, customer, number }: ShopOrder, amount: number | string) => ({
      sale: orderId,
      buyer: customer,
      number,
      amount,
      currency: 'EUR',
      items: [{ sku: '46493-32', pieces: 1 }],
    })

    /** Another implementation of Avro than ours, with the schema that the record names. */
    async function read(records: readonly TopicRecord[]): Promise<Order[]> {
      const types = new Map<number, avsc.Type>()
      const all: Order[] = []
      for (const { value } of records) {
        const bytes = Buffer.from(value)
        expect(bytes[0]).toBe(0)
        const id = bytes.readInt32BE(1)
        const type = types.get(id) ?? avsc.Type.forSchema(JSON.parse(await schemaOf(id)) as avsc.Schema)
        types.set(id, type)
        all.push(JSON.parse(JSON.stringify(type.fromBuffer(bytes.subarray(5)))) as Order)
      }
      return all
    }

    async function schemaOf(id: number): Promise<string> {
      if (world.registryUrl === undefined) {
        expect(id).toBe(topics.orders.id)
        return topics.orders.schema
      }
      return ((await (await fetch(`${world.registryUrl}/schemas/ids/${id}`)).json()) as { schema: string }).schema
    }

    test.each([
      ['the inventory, of two members,', stocked],
      ['the e-mail service, which was restarted,', mailed],
    ])('%s sees every order once, and those of a customer in their order', async (_who, records) => {
      const seen = await read(records)
      expect(seen.map(({ order_id }) => order_id).toSorted()).toEqual(idsOf(sold))
      const bought = sold.map(({ orderId, customer, number, total, channel }) => ({
        orderId,
        customer,
        number,
        total,
        channel,
      }))
      for (const { orderId, customer, number, total, channel } of bought) {
        const order = seen.find(({ order_id }) => order_id === orderId)
        expect(order).toMatchObject({ customer, number, total, currency: 'EUR' })
        expect(order?.channel).toBe(channel === 'shop' ? null : 'marketplace')
        expect(order?.products).toHaveLength(1)
      }
      for (const [way, own] of Map.groupBy(seen, ({ customer, channel }) => `${customer} ${channel}`))
        expect(
          own.map(({ number }) => number),
          way,
        ).toEqual(own.map((_, i) => i + 1))
      for (const [i, { key, headers }] of records.entries()) {
        expect(key).toBe(seen[i]?.customer)
        expect(headers['message_id']).toBe(seen[i]?.message_id)
      }
    })

    test('all members of the inventory had work', () => {
      expect(new Set(stocked.map(({ partition }) => partition)).size).toBeGreaterThan(1)
    })

    test('the webhook and the tables have the same orders', async () => {
      const events = () => world.crm.delivered.filter(({ event }) => event === 'Order Completed')
      const wanted = [...idsOf(sold), 'marketplace-9001'].toSorted()
      await until('all orders are at the webhook', () => events().length >= wanted.length)
      expect(
        events()
          .map(({ properties }) => String(properties?.['order_id']))
          .toSorted(),
      ).toEqual(wanted)
      const tables = d1Tables(world.state)
      const rows = async () => (await tables.rows('order_completed')).map(({ order_id: id }) => String(id)).toSorted()
      await until('all orders are in the table', async () => (await rows()).length >= wanted.length)
      expect(await rows()).toEqual(wanted)
      const views = async () => (await tables.rows('product_viewed')).length
      expect(await until('the views are in theirs', views, { enough: (count) => count > 0 })).toBe(
        sold.filter(({ channel }) => channel === 'shop').length,
      )
    })

    test('an order that does not fit its schema is a dead letter of Kafka alone, which names the field', async () => {
      const letters = async () => {
        const headers = { authorization: `Bearer ${world.adminToken}` }
        const answer = await fetch(`${world.url}/admin/dead-letters`, { headers })
        return ((await answer.json()) as { deadLetters: DeadLetter[] }).deadLetters
      }
      const found = await until('it is a dead letter', letters, { enough: ({ length }) => length > 0 })
      expect(found).toMatchObject([
        {
          target: 'kafka',
          messageId: 'marketplace-9001',
          code: 'event_refused',
          reason: expect.stringContaining('total: expected double, got "12,50"') as string,
        },
      ])
    })
  })

test('npm run walk-through says that all have arrived, and ends well', async () => {
  const { npm_lifecycle_event: _, ...env } = process.env
  const args = [join(root, 'scripts/bootstrap.mjs'), join(root, 'scripts/walk-through.ts'), '--orders', '8', '--exit']
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 })
  const lines = stdout.split('\n')
  expect(lines.filter((line) => /^ {2}(yes|NO )/.test(line))).toEqual([
    "  yes  inventory  has every order once, each customer's in their order (8 of 8)",
    "  yes  email      has every order once, each customer's in their order (8 of 8)",
    '  yes  webhook    has every order once (8 of 8)',
    '  yes  tables     have every order in one row of order_completed (8 of 8)',
  ])
  // The page shows what it says.
  const shown = blocks.find(({ file, language }) => file === page && language === 'text')?.text ?? ''
  for (const line of lines.filter((line) => /^ {2}(yes|NO )/.test(line)))
    expect(shown).toContain(line.replace('8 of 8', '30 of 30'))
  for (const what of ['shop', 'marketplace', 'inventory', 'email'])
    expect(
      lines.some((line) => line.startsWith(what) && shown.includes(line.slice(0, 24))),
      what,
    ).toBe(true)
})

test('the code of docs/walk-through.md stands in the files that it names', () => {
  const code = blocks.filter(({ file, language }) => file === page && language === 'ts')
  expect(code.length).toBeGreaterThan(4)
  // The formatter indents them as it likes.
  const flat = (text: string) => text.replaceAll(/^ +/gm, '')
  for (const { path, text } of code) expect(flat(readFileSync(join(root, path), 'utf8'))).toContain(flat(text))
})

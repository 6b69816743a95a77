// What HTTP costs: records per second through the bridge, beside its own client straight to the broker.
import { Producer as LibraryProducer } from '@platformatic/kafka'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { murmur2 } from '../../src/storage/murmur2.ts'
import { Brokers, clientOptions } from '../bridge/brokers.ts'
import { parseConfig } from '../bridge/config.ts'
import { BridgeError } from '../bridge/errors.ts'
import type { OutgoingRecord } from '../bridge/outcome.ts'
import { Producer } from '../bridge/producer.ts'
import { startKafka } from '../servers/kafka.ts'
import { Connection } from './connection.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:bridge -- [options]

Starts a real Kafka and the bridge in front of it, and produces records of 500 bytes with acks=all and an idempotent producer:
through the bridge over HTTP; with its client library straight to the broker; and with the part of the bridge that sends, which
puts what many callers send into one request. As many callers as connections send one request after the other.

  --seconds <n>       length of a round (default: 4)
  --rounds <n>        rounds of each, in turn; medians are compared (default: 3)
  --connections <n>   callers at the same time (default: 32)
  --only <n>          only with so many records in a request (default: 1, 20 and 500)
  --help              show this
`

const flags = numbersFrom(help, { seconds: 4, rounds: 3, connections: 32, only: Number.NaN })
const say = (text: string) => process.stdout.write(`${text}\n`)
const topic = 'orders'
const partitions = 6
/** Of the bridge's rate to that of the library's producer, which gives the same guarantee, at 20 records per request. */
const target = 0.6
const password = 'for-this-run-only'

const keyOf = (caller: number, i: number) => `user-${caller}-${i % 25}`
const valueOf = (i: number) =>
  JSON.stringify({ event: 'Order Completed', properties: { order_id: i, note: 'x'.repeat(430) } })

/** Keys and values as text, as an application has them. */
const texts = (caller: number, per: number) =>
  Array.from({ length: per }, (_, i) => ({ key: keyOf(caller, i), value: valueOf(i) }))

await session(async (keep) => {
  const kafka = await keep(startKafka({ say }))
  const config = parseConfig(
    { kafka: { brokers: [kafka.bootstrap] }, users: [{ name: 'kafka', password }] },
    { env: {}, folder: '.' },
  )
  const brokers = new Brokers(config)
  await brokers.admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  const bridge = await keep(startBridgeProcess(kafka.bootstrap))
  const { deliveryMs, requestMs } = config.limits
  const own = new Producer(brokers, { compression: 'none', deliveryMs, requestMs }, () => {})
  const library = new LibraryProducer({ ...clientOptions(config), idempotent: true, retries: 3 })

  for (const per of Number.isNaN(flags.only) ? [1, 20, 500] : [flags.only]) {
    const contenders: Readonly<Record<string, Sender>> = {
      'bridge over HTTP': overHttp(bridge.url, per),
      'its sender, straight': straight(own, per),
      'the library, straight': byLibrary(library, per),
    }
    const rates = new Map<string, number[]>()
    for (let round = 0; round <= flags.rounds; round++)
      for (const [name, send] of Object.entries(contenders)) {
        const rate = await rateOf(send, per, round === 0 ? 1 : flags.seconds)
        // The first round warms up.
        if (round > 0) rates.set(name, [...(rates.get(name) ?? []), rate])
      }
    const middle = (name: string) => median(rates.get(name) ?? [])
    const bridged = middle('bridge over HTTP')
    say(`\n${per} records per request, ${flags.connections} callers`)
    say(
      table([
        ['', 'records/s', 'lowest', 'highest', 'bridge to it'],
        ...[...rates].map(([name, all]) => [
          name,
          whole(middle(name)),
          whole(Math.min(...all)),
          whole(Math.max(...all)),
          name === 'bridge over HTTP' ? '' : `${fixed(bridged / middle(name), 2)} ×`,
        ]),
      ]),
    )
    const ratio = bridged / middle('the library, straight')
    if (per === 20) say(`target ≥ ${target} × of the library: ${ratio >= target ? 'met' : 'MISSED'}`)
  }
  await Promise.allSettled([own.close(), library.close(), brokers.close()])
})

/** Sends one request of a caller, and resolves when its records are written. */
type Sender = (caller: number) => Promise<void>

async function rateOf(send: Sender, per: number, seconds: number): Promise<number> {
  const began = performance.now()
  const end = began + seconds * 1_000
  let records = 0
  await Promise.all(
    Array.from({ length: flags.connections }, async (_, caller) => {
      while (performance.now() < end) {
        await send(caller)
        records += per
      }
    }),
  )
  await sleep(200)
  return records / ((performance.now() - began - 200) / 1_000)
}

function overHttp(url: string, per: number): Sender {
  const connections = Array.from({ length: flags.connections }, () => new Connection(url))
  const requests = connections.map((_, caller) => {
    const records = Array.from({ length: per }, (_, i) => ({ topic, key: keyOf(caller, i), value: valueOf(i) }))
    const body = JSON.stringify(records)
    const head = `POST /produce HTTP/1.1\r\nhost: bridge\r\nauthorization: Basic ${btoa(`kafka:${password}`)}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
    return Buffer.from(head + body)
  })
  return async (caller) => {
    const answer = await connections[caller]?.send(requests[caller] as Buffer)
    if (answer?.status !== 200) throw new Error(`the bridge answered ${answer?.status}: ${answer?.body.slice(0, 200)}`)
  }
}

function straight(producer: Producer, per: number): Sender {
  const all = Array.from({ length: flags.connections }, (_, caller) => texts(caller, per))
  return async (caller) => {
    const records = all[caller]?.map(({ key, value }): OutgoingRecord => {
      const bytes = Buffer.from(key)
      const partition = (murmur2(bytes) & 0x7fffffff) % partitions
      return { topic, partition, key: bytes, value: Buffer.from(value), headers: [], timestamp: Date.now() }
    })
    const failed = (await producer.send(records ?? [])).find((outcome) => outcome instanceof BridgeError)
    if (failed !== undefined) throw failed
  }
}

function byLibrary(producer: LibraryProducer, per: number): Sender {
  const all = Array.from({ length: flags.connections }, (_, caller) => texts(caller, per))
  return async (caller) => {
    const messages = all[caller]?.map(({ key, value }) => ({ topic, key: Buffer.from(key), value: Buffer.from(value) }))
    await producer.send({ messages: messages ?? [] })
  }
}

async function startBridgeProcess(bootstrap: string): Promise<{ url: string; stop: () => void }> {
  const script = resolve(import.meta.dirname, '../bridge.ts')
  const child = spawn(process.execPath, [script, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, KAFKA_BROKERS: bootstrap, BRIDGE_PASSWORD: password },
  })
  const { url } = await new Promise<{ url: string }>((done, fail) => {
    createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line) as { url: string }))
    child.once('exit', (code) => fail(new Error(`the bridge ended with ${code}`)))
  })
  return { url, stop: () => child.kill() }
}

// What the state fixture is made with (scripts/fixtures/state.ts) and opened with (state-fixture.test.ts). Names in it are
// stored in the fixture: what is there may not be renamed or removed; new sources and destinations do no harm.
import { defineConfig, type Vars } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { defineSource, type WebhookSource } from 'sluiceway/source'
import { upstash } from 'sluiceway/fronts/upstash'
import { kafka } from 'sluiceway/sources/kafka'
import { shopify } from 'sluiceway/sources/shopify'
import { log } from 'sluiceway/streams/log'
import { queues } from 'sluiceway/streams/queues'
import { d1 } from 'sluiceway/warehouses/d1'
import type { Bindings } from '../../src/core/bindings.ts'
import { kafkaPassword } from '../support/state-kafka.ts'

const dayMs = 86_400_000
const century = 36_500

/** Sets the clock of the Worker. Alarms go by the real one: ahead they never ring, and behind they ring at once. */
function shiftClock(days: number): void {
  const now = Date.now.bind(Date)
  if (days !== 0) Date.now = () => now() + days * dayMs
}

/** Takes objects away: `log`, `edge` (the lane of the edge's dead letters), `suppression`. */
function takeAway(names: string, { LOG, LANE, SUPPRESSION }: Bindings): void {
  const away = new Proxy({}, { get: () => () => Promise.reject(new Error('this object was taken away')) })
  const replace = (namespace: object, value: unknown) => Object.defineProperty(namespace, 'getByName', { value })
  const laneByName = LANE.getByName.bind(LANE)
  if (names.includes('log')) replace(LOG, () => away)
  if (names.includes('suppression')) replace(SUPPRESSION, () => away)
  if (names.includes('edge')) replace(LANE, (name: string) => (name === '@edge:0' ? away : laneByName(name)))
}

/** Overwrites an object of R2, as damage would, or runs SQL in D1: `{"put":"<key>"}`, `{"sql":"…"}`. */
const damage = ({ BUCKET, DB }: Bindings) =>
  defineSource({
    name: 'damage',
    settings: {},
    async map({ body }) {
      const { put, sql } = body as { put?: string; sql?: string }
      if (put !== undefined) await BUCKET.put(put, 'damaged')
      if (sql !== undefined) await DB.exec(sql)
      return { reply: { body: '{}', contentType: 'application/json' } }
    },
  })()

/** Remembers for a century, because a fixture grows old. */
const forCentury = (source: WebhookSource): WebhookSource => ({
  ...source,
  map: (call, tools) => {
    const { get, set } = tools.memory
    const memory = { get, set: (key: string, value: string) => set(key, value, century * 86_400) }
    return source.map(call, { ...tools, memory })
  },
})

/** Reads the topic of another server of this config. */
const ordersIn = (url: string) =>
  kafka({
    front: upstash({ url, username: 'fixture', password: kafkaPassword, allowPrivate: true }),
    topics: ['orders'],
    values: 'text',
    pollSeconds: 1,
    map: ({ key, value }) => ({
      type: 'track',
      event: 'Order Completed',
      userId: key,
      properties: { order_id: value },
    }),
  })

function streamOf(env: Vars) {
  const partitions = Number(env['PARTITIONS'] ?? 2)
  if (env['STREAM'] === 'queues') return queues({ partitions })
  return log({
    partitions,
    retentionDays: Number(env['RETENTION_DAYS'] ?? 365),
    topics: { orders: { partitions: 2, retentionDays: century / 10 } },
    users: { fixture: { password: kafkaPassword, read: ['*'], write: ['*'] } },
  })
}

/** All but an hour of a day, from an hour ago: whatever turn was missed, nothing is loaded but by hand. */
function dayAround(now: number): { readonly start: string; readonly end: string } {
  const timeOf = (hours: number) => new Date(now + hours * 3_600_000).toISOString().slice(11, 16)
  return { start: timeOf(-1), end: timeOf(22) }
}

export default defineConfig((env) => {
  const bindings = env as unknown as Bindings
  shiftClock(Number(env['CLOCK_DAYS'] ?? 0))
  takeAway(env['AWAY'] ?? '', bindings)
  const to = (url: string | undefined, displayName: string) => ({
    use: webhook({ url, secret: env['WEBHOOK_SECRET'], allowPrivate: true }),
    displayName,
    retryDays: Number(env['RETRY_DAYS'] ?? century),
  })
  return {
    stream: streamOf(env),
    sources: {
      shop: { writeKey: env['WRITE_KEY'], to: ['sink', 'tables'] },
      choice: { writeKey: 'keyOfTheChoiceSource', to: ['choosy'] },
      archive: { writeKey: 'keyOfTheArchiveSource', to: ['paused'] },
      shopify: { writeKey: 'keyOfTheShopifySource', webhook: forCentury(shopify()), to: ['sink'] },
      ...(env['KAFKA_URL'] === undefined ? {} : { orders: { kafka: ordersIn(env['KAFKA_URL']), to: [] } }),
      damage: { writeKey: 'keyOfTheDamageSource', webhook: damage(bindings), to: [] },
    },
    destinations: {
      sink: to(env['SINK'], 'Sink'),
      choosy: to(env['CHOOSY'], 'Choosy'),
      paused: to(env['PAUSED'], 'Paused'),
    },
    warehouses: {
      tables: {
        use: d1(),
        displayName: 'Warehouse',
        stageSeconds: 1,
        ...(env['LOADS'] === 'by hand' ? { excludeWindow: dayAround(Date.now()) } : {}),
      },
    },
    admin: { token: env['ADMIN_TOKEN'] },
    limits: { deadLetterDays: century },
  }
})

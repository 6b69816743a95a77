import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Kafka } from '@upstash/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import type { Workerd } from '../support/workerd.ts'
import { adminToken, startKafkaServer } from '../topics/kafka-server.ts'

const password = 'password-of-the-shop'
const users = `users: { shop: { password: '${password}', read: ['*'], write: ['*'] } }`
const clientOf = (server: Workerd) => new Kafka({ url: `${server.url}/kafka`, username: 'shop', password })

// One deployment's log is the Kafka, others read it.
let kafka: Workerd
const topics = {
  orders: { partitions: 3 },
  refunds: { partitions: 2 },
  steps: { partitions: 1 },
  late: { partitions: 1 },
}
beforeAll(async () => {
  kafka = await startKafkaServer(`{ topics: ${JSON.stringify(topics)}, ${users} }`)
}, 60_000)
afterAll(() => kafka?.stop())

const produce = (topic: string, numbers: readonly number[]) =>
  clientOf(kafka)
    .producer()
    .produceMany(numbers.map((number) => ({ topic, key: `user ${number % 5}`, value: { order_id: number } })))

/** A deployment with one Kafka source, `shop`. */
const startRouter = (
  settings: string,
  {
    rules = '',
    ...more
  }: Pick<Parameters<typeof startKafkaServer>[1] & {}, 'logMembers' | 'vars'> & { readonly rules?: string } = {},
) =>
  startKafkaServer(`{ ${users} }`, {
    ...more,
    imports: `
      import { upstash } from './src/fronts/upstash.ts'
      import { kafka } from './src/sources/kafka.ts'`,
    sources: `...(env.READS === 'gone' ? {} : { shop: {
      enabled: env.READS !== 'no',
      ${rules}
      kafka: kafka({
        front: upstash({ url: '${kafka.url}/kafka', username: 'shop', password: '${password}', allowPrivate: true }),
        pollSeconds: 1,
        map: ({ topic, key, value }) => ({ type: 'track', event: topic, userId: key, properties: value }),
        ${settings}
      }),
    } }),`,
  })

/** What the log of a router holds, as numbers of orders in the order of arrival. */
async function arrived(router: Workerd): Promise<number[]> {
  await router.fetch('/health')
  const found: number[] = []
  for (let offset = 0; ;) {
    const page = await clientOf(router).consumer().fetch({ topic: 'events', partition: 0, offset, timeout: 0 })
    const last = page.at(-1)
    if (last === undefined) return found
    for (const { value } of page)
      found.push((JSON.parse(value) as { properties: { order_id: number } }).properties.order_id)
    offset = last.offset + 1
  }
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Conversations {
  readonly sources: readonly {
    readonly source: string
    readonly state: string
    readonly problem?: string
    readonly readAt?: number
    readonly lag?: number
    readonly nextStep?: string
    readonly since?: number
    readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly next: number | null }[]
  }[]
}

async function conversations(router: Workerd): Promise<Conversations> {
  const answer = await router.fetch('/admin/sources', { headers: { authorization: `Bearer ${adminToken}` } })
  return (await answer.json()) as Conversations
}

describe('the life of a Kafka source', () => {
  test('a source that is switched off reads nothing, and goes on where it was when it is on, or back in the config', async () => {
    const router = await startRouter(`topics: ['orders'],`, { vars: { READS: 'no' } })
    try {
      await produce('orders', range(0, 30))
      await router.fetch('/health')
      await pause(1_500)
      expect(await arrived(router)).toEqual([])
      expect((await conversations(router)).sources).toMatchObject([{ source: 'shop', state: 'disabled' }])

      await router.restart({ READS: 'yes' })
      await until('what was produced meanwhile', () => arrived(router), { enough: ({ length }) => length === 30 })
      await router.restart({ READS: 'gone' })
      await produce('orders', range(30, 30))
      await pause(1_500)
      expect((await arrived(router)).length).toBe(30)

      await router.restart({ READS: 'yes' })
      await until('the rest', () => arrived(router), { enough: ({ length }) => length >= 60 })
      await router.restart({ READS: 'no' })
      await produce('orders', range(60, 5))
      await router.fetch('/health')
      await pause(1_500)
      expect(sorted(await arrived(router))).toEqual(range(0, 60))
    } finally {
      await router.stop()
    }
  }, 90_000)

  test('a source above its rate reads all partitions of several topics in its time, and tells of one that is not there', async () => {
    const router = await startRouter(`topics: ['orders', 'not-there', 'refunds'],`, {
      rules: 'rate: { eventsPerSecond: 40, burst: 10 },',
    })
    try {
      // More than the burst: what comes next waits.
      await produce('orders', range(2_000, 60))
      await until('the orders', () => arrived(router), { enough: ({ length }) => length >= 60 })
      await produce('refunds', range(500, 10))
      const states = new Set<string | undefined>()
      const look = async () => {
        states.add((await conversations(router)).sources[0]?.state)
        return arrived(router)
      }
      await until('the refunds', look, {
        enough: (all) => all.filter((number) => number >= 500 && number < 600).length === 10,
      })
      expect(states).not.toContain('failing')
      const { sources } = await until('a whole look', () => conversations(router), {
        enough: ({ sources: [one] }) => one?.state === 'partial' && one.partitions.length === 5,
      })
      expect(sources).toMatchObject([
        {
          source: 'shop',
          state: 'partial',
          problem: 'not-there: There is no topic not-there, or the user may not see it.',
          nextStep: expect.stringMatching(/^Make the topic/) as string,
          since: expect.any(Number) as number,
          lag: 0,
        },
      ])
      expect(
        sources[0]?.partitions
          .filter(({ topic }) => topic === 'refunds')
          .reduce((sum, { next }) => sum + (next ?? 0), 0),
      ).toBe(10)
    } finally {
      await router.stop()
    }
  }, 90_000)

  test('a source that begins at the end leaves out what was there before, and nothing of a partition that is added', async () => {
    await produce('late', range(900, 5))
    const router = await startRouter(`topics: ['late'], begin: 'latest',`)
    try {
      await until('the first look', async () => (await conversations(router)).sources[0]?.readAt)
      await produce('late', range(950, 5))
      await until('what came behind', () => arrived(router), { enough: ({ length }) => length >= 5 })
      await kafka.restart({ LOG_CHANGES: JSON.stringify({ topics: { ...topics, late: { partitions: 4 } } }) })
      await produce('late', range(955, 20))
      // Asks for the number of partitions again.
      await router.restart()
      await until('what came into all partitions', () => arrived(router), { enough: ({ length }) => length >= 25 })
      expect(sorted(await arrived(router))).toEqual(range(950, 25))
    } finally {
      await router.stop()
    }
  }, 90_000)

  test('a crash between the append of events and the position repeats none of them', async () => {
    // Whoever asks here is killed: the append is durable, and nobody was told.
    let appends = 0
    let onAppend: (() => void) | undefined
    const trap: Server = createServer((_request, response) => {
      appends++
      if (onAppend === undefined) response.end()
      else onAppend()
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    const router = await startRouter(`topics: ['steps'],`, {
      vars: { TRAP: `http://127.0.0.1:${(trap.address() as AddressInfo).port}/` },
      logMembers: `
        async append(...parts) {
          const answer = await super.append(...parts)
          await fetch(this.env.TRAP)
          return answer
        }`,
    })
    try {
      for (let crash = 0; crash < 3; crash++) {
        const trapped = new Promise<void>((resolve) => {
          onAppend = resolve
        })
        await produce('steps', range(crash * 10, 10))
        await router.fetch('/health')
        await trapped
        onAppend = undefined
        await router.restart()
        await until('what was appended', () => arrived(router), { enough: ({ length }) => length >= (crash + 1) * 10 })
        await until('the position', () => conversations(router), {
          enough: ({ sources: [one] }) => one?.partitions[0]?.next === (crash + 1) * 10,
        })
      }
      expect(await arrived(router)).toEqual(range(0, 30))
      expect(appends).toBeGreaterThanOrEqual(6)
    } finally {
      await router.stop()
      trap.closeAllConnections()
      trap.close()
    }
  }, 90_000)
})

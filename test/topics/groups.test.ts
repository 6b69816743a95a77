import { Kafka, type UpstashError } from '@upstash/kafka'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../support/workerd.ts'
import { until } from '../support/until.ts'
import { startKafkaServer, writeKey } from './kafka-server.ts'

const user = { username: 'shop', password: 'password-of-the-shop' }
let server: Workerd
let kafka: Kafka
let counter = 0
/** A topic and a group that nobody has used. */
const fresh = () => ({ topic: `orders-${counter}`, group: `stock-${counter++}` })

beforeAll(async () => {
  server = await startKafkaServer(`{
    newTopics: { partitions: 4 },
    users: { shop: { password: '${user.password}', read: ['*'], write: ['*'] } },
  }`)
  kafka = new Kafka({ url: `${server.url}/kafka`, ...user })
})
afterAll(() => server.stop())

/** Lets time pass; gives the time that it is then. */
const ahead = async (ms: number) => Number(await (await server.fetch(`/test/ahead/${ms}`)).text())
const session = 120_000

const customers = ['ada', 'grace', 'edsger', 'barbara', 'alan', 'donald', 'frances']
type Message = Awaited<ReturnType<ReturnType<Kafka['consumer']>['consume']>>[number]

/** Order numbers of one user grow with their offsets. */
const produce = (topic: string, count: number, from = 0) =>
  kafka.producer().produceMany(
    Array.from({ length: count }, (_, i) => ({
      topic,
      key: customers[(from + i) % customers.length] as string,
      value: { order: from + i },
    })),
  )

interface Consuming {
  readonly topic: string
  readonly group: string
  readonly instance?: string
  readonly timeout?: number
  readonly auto?: boolean
  readonly reset?: 'earliest' | 'latest' | 'none'
}

/** Begins a call and hangs up with the head of its answer; gives the length that the answer should have had. */
function hangUp({ topic, group }: Consuming): Promise<number> {
  return new Promise((resolve, reject) => {
    const auth = `${user.username}:${user.password}`
    const headers = { 'kafka-auto-offset-reset': 'earliest' }
    const url = `${server.url}/kafka/consume/${group}/a/${topic}`
    const asked = request(url, { method: 'POST', auth, headers }, (answer) => {
      asked.destroy()
      resolve(Number(answer.headers['content-length']))
    }).on('error', reject)
    asked.end(JSON.stringify({ maxBytes: 8_000_000 }))
  })
}

/** One call. */
async function poll({ topic, group, instance = 'a', timeout = 50, auto, reset = 'earliest' }: Consuming) {
  const answer = await fetch(`${server.url}/kafka/consume/${group}/${instance}/${topic}?timeout=${timeout}`, {
    headers: {
      authorization: `Basic ${btoa(`${user.username}:${user.password}`)}`,
      'kafka-auto-offset-reset': reset,
      ...(auto === undefined ? {} : { 'kafka-enable-auto-commit': String(auto) }),
      'kafka-session-timeout-ms': String(session),
    },
  })
  const body = (await answer.json()) as Message[]
  if (answer.status !== 200) throw new Error(JSON.stringify(body))
  return body
}

/** True when the instance is out of the group, also when it was not in it. */
async function leave(group: string, instance: string): Promise<boolean> {
  const { status } = await fetch(`${server.url}/kafka/delete-consumer/${group}/${instance}`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${user.username}:${user.password}`)}` },
  })
  return status === 200 || status === 404
}

async function drain(options: Consuming): Promise<Message[]> {
  const found: Message[] = []
  for (let empty = 0; empty < 3;) {
    const some = await poll(options)
    found.push(...some)
    empty = some.length === 0 ? empty + 1 : 0
  }
  return found
}

const ordersOf = (messages: readonly Message[]) =>
  messages.map(({ value }) => (JSON.parse(value) as { order: number }).order)
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

function expectOrderPerKey(messages: readonly Message[]): void {
  for (const [, own] of Map.groupBy(messages, ({ key }) => key)) expect(ordersOf(own)).toEqual(sorted(ordersOf(own)))
}

test('instances that join and leave a group at work get each record once, in the order of its key', async () => {
  const { topic, group } = fresh()
  /** What all instances got, in the order in which it came to them. */
  const seen: Message[] = []
  const end = new AbortController()
  const run = async (instance: string, calls: number) => {
    for (let call = 0; call < calls && !end.signal.aborted; call++) {
      const some = await poll({ topic, group, instance, timeout: 100 })
      // The work takes a while: nobody else may work on these keys meanwhile.
      await sleep(20)
      seen.push(...some)
    }
    await kafka
      .admin()
      .removeConsumerInstance(group, instance)
      .catch(() => undefined)
  }
  const first = run('a', 1_000)
  const producing = (async () => {
    for (let from = 0; from < 600; from += 30) {
      await produce(topic, 30, from)
      await sleep(30)
    }
  })()
  await sleep(200)
  const others = ['b', 'c', 'd', 'e', 'f'].map((instance, n) => run(instance, 3 + 2 * n))
  await Promise.all([producing, ...others])
  await until('all orders were seen', () => seen.length >= 600)
  end.abort()
  await first
  expect(sorted(ordersOf(seen))).toEqual(upTo(600))
  expectOrderPerKey(seen)
}, 60_000)

test('a topic that is named as what every object has is read as others, also in a group whose instances read different topics', async () => {
  const { topic, group } = fresh()
  const named = ['constructor', '__proto__', 'toString']
  for (const name of [topic, ...named]) await produce(name, 5)
  await poll({ topic, group, instance: 'b' })
  for (const name of named) {
    const found = await drain({ topic: name, group, instance: 'a' })
    expect([name, sorted(ordersOf(found))]).toEqual([name, upTo(5)])
  }
  await leave(group, 'a')
})

test('partitions are dealt evenly, and stay where they are when nobody comes or goes', async () => {
  const { topic, group } = fresh()
  await produce(topic, 1)
  for (let round = 0; round < 3; round++) for (const instance of ['a', 'b', 'c']) await poll({ topic, group, instance })
  const shares = async () => {
    const mine = (await kafka.admin().consumers()).find(({ name }) => name === group)
    return Object.fromEntries(
      (mine?.instances ?? []).map(({ name, topics }) => [name, topics.flatMap(({ partitions }) => partitions)]),
    )
  }
  const before = await shares()
  expect(
    Object.values(before)
      .map((one) => one.length)
      .toSorted(),
  ).toEqual([1, 1, 2])
  expect(sorted(Object.values(before).flat())).toEqual([0, 1, 2, 3])
  for (const instance of ['a', 'b', 'c']) await poll({ topic, group, instance })
  expect(await shares()).toEqual(before)
  await kafka.admin().removeConsumerInstance(group, 'b')
  const after = await shares()
  expect(sorted(Object.values(after).flat())).toEqual([0, 1, 2, 3])
  expect(Object.keys(after)).toEqual(['a', 'c'])
})

test('what an instance that commits itself was handed is handed out again when it dies', async () => {
  const { topic, group } = fresh()
  await produce(topic, 40)
  const first = await poll({ topic, group, instance: 'dies', auto: false })
  expect(first.length).toBeGreaterThan(0)
  expect(await poll({ topic, group, instance: 'lives', auto: false })).toEqual([])
  await ahead(session + 1)
  expect(sorted(ordersOf(await drain({ topic, group, instance: 'lives', auto: false })))).toEqual(upTo(40))
})

test('an instance that comes back after its session begins at what it has committed', async () => {
  const { topic, group } = fresh()
  await produce(topic, 20)
  const manual = { topic, group, auto: false }
  expect(await drain(manual)).toHaveLength(20)
  await ahead(session + 1)
  expect(await drain(manual)).toHaveLength(20)
  await kafka.consumer().commit({ consumerGroupId: group, instanceId: 'a' })
  await ahead(session + 1)
  expect(await drain(manual)).toEqual([])
})

test('an instance that commits by itself is not handed the same again after its session', async () => {
  const { topic, group } = fresh()
  await produce(topic, 20)
  expect(await drain({ topic, group, instance: 'cron-1' })).toHaveLength(20)
  await ahead(session + 1)
  expect(await drain({ topic, group, instance: 'cron-2' })).toEqual([])
})

test('a commit of an instance that is out of its group is refused, and so is one of a partition of another', async () => {
  const { topic, group } = fresh()
  await produce(topic, 40)
  const call = async (instance: string, body: unknown) => {
    const answer = await fetch(`${server.url}/kafka/commit/${group}/${instance}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${user.username}:${user.password}`)}` },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as UpstashError }
  }
  expect(await call('stranger', [])).toMatchObject({
    status: 409,
    body: { error: expect.stringContaining('not in the group') as string },
  })
  const [first] = await poll({ topic, group, instance: 'a', auto: false })
  const place = { topic, partition: first?.partition ?? 0 }
  expect(await call('stranger', [{ ...place, offset: 1 }])).toMatchObject({
    status: 409,
    body: { error: expect.stringContaining('Another instance') as string },
  })
  expect(await call('a', { ...place, offset: 1 })).toMatchObject({ status: 200 })
  expect(
    await kafka.consumer().committed({ consumerGroupId: group, instanceId: 'a', topicPartitions: [place] }),
  ).toEqual([{ ...place, offset: 1 }])
})

test('a group that starts at the end gets what comes after its first call, from partitions that were empty too', async () => {
  const { topic, group } = fresh()
  await produce(topic, 20)
  expect(await poll({ topic, group, reset: 'latest', timeout: 0 })).toEqual([])
  await produce(topic, 20, 20)
  expect(sorted(ordersOf(await drain({ topic, group, reset: 'latest' })))).toEqual(upTo(20, 20))
})

test('a group without offsets is told so where the reset is none, and goes on after a commit', async () => {
  const { topic, group } = fresh()
  await produce(topic, 5)
  await expect(poll({ topic, group, reset: 'none' })).rejects.toThrow('Kafka-Auto-Offset-Reset')
  await kafka.consumer().commit({
    consumerGroupId: group,
    instanceId: 'a',
    offset: upTo(4).map((partition) => ({ topic, partition, offset: 0 })),
  })
  expect(sorted(ordersOf(await drain({ topic, group, reset: 'none' })))).toEqual(upTo(5))
})

test('a group starts at the time that is asked for', async () => {
  const { topic, group } = fresh()
  await produce(topic, 12)
  await sleep(50)
  const noon = await ahead(50)
  await ahead(50)
  await produce(topic, 12, 12)
  const offsets = await kafka.admin().topicPartitionOffsets({
    timestamp: noon,
    topicPartitions: upTo(4).map((partition) => ({ topic, partition })),
  })
  await kafka.consumer().commit({ consumerGroupId: group, instanceId: 'a', offset: offsets as never })
  expect(sorted(ordersOf(await drain({ topic, group })))).toEqual(upTo(12, 12))
})

test('a long poll answers as soon as something comes, in a topic and in events', async () => {
  const { topic, group } = fresh()
  await poll({ topic, group, timeout: 0 })
  const waiting = poll({ topic, group, timeout: 20_000 })
  await sleep(300)
  const begun = Date.now()
  await produce(topic, 1)
  expect(ordersOf(await waiting)).toEqual([0])
  expect(Date.now() - begun).toBeLessThan(3_000)
  const events = { topic: 'events', group: `${group}-events`, reset: 'latest' } as const
  await poll({ ...events, timeout: 0 })
  const next = poll({ ...events, timeout: 20_000 })
  await sleep(300)
  await server.fetch('/v1/track', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'ada', event: 'Order Completed', messageId: 'order-1843' }),
  })
  expect((await next).map(({ key, value }) => [key, JSON.parse(value)])).toEqual([
    ['ada', expect.objectContaining({ event: 'Order Completed', messageId: 'order-1843' })],
  ])
})

test('two calls of one instance at once hand a record out once', async () => {
  const { topic, group } = fresh()
  await produce(topic, 100)
  const answers = await Promise.all(Array.from({ length: 8 }, () => poll({ topic, group, timeout: 0 })))
  const rest = await drain({ topic, group })
  expect(sorted(ordersOf([...answers.flat(), ...rest]))).toEqual(upTo(100))
})

test('an answer that did not go out whole is handed out again to the same instance, and is not committed', async () => {
  const { topic, group } = fresh()
  // A socket holds 4 MB by itself, which count as gone out.
  const note = 'x'.repeat(100_000)
  for (let from = 0; from < 80; from += 20)
    await kafka.producer().produceMany(upTo(20, from).map((order) => ({ topic, key: 'ada', value: { order, note } })))
  expect(await hangUp({ topic, group })).toBeGreaterThan(7_000_000)
  const leftBehind = await kafka.consumer().committed({
    consumerGroupId: group,
    instanceId: 'a',
    topicPartitions: upTo(4).map((partition) => ({ topic, partition })),
  })
  expect((leftBehind as { offset: number }[]).every(({ offset }) => offset <= 0)).toBe(true)
  expect(ordersOf(await drain({ topic, group }))).toEqual(upTo(80))
  expect(await drain({ topic, group })).toEqual([])
})

test('an answer that went out is not handed out again after a power cut a moment later', async () => {
  const { topic, group } = fresh()
  await produce(topic, 40)
  expect(await poll({ topic, group })).toHaveLength(40)
  await sleep(500)
  await server.restart()
  expect(await drain({ topic, group })).toEqual([])
})

test('what an instance has not committed is handed out again when it leaves', async () => {
  const { topic, group } = fresh()
  await produce(topic, 40)
  const manual = { topic, group, auto: false }
  expect(await poll(manual)).toHaveLength(40)
  expect(await poll(manual)).toEqual([])
  expect(await leave(group, 'a')).toBe(true)
  expect(sorted(ordersOf(await drain(manual)))).toEqual(upTo(40))
})

test('a power cut in the middle of producing and consuming loses nothing that was acknowledged', async () => {
  const { topic, group } = fresh()
  const acknowledged: number[] = []
  const seen: Message[] = []
  const end = new AbortController()
  const patient = new Kafka({ url: `${server.url}/kafka`, ...user })
  const producing = (async () => {
    for (let from = 0; from < 400; from += 10) {
      await patient.producer().produceMany(
        upTo(10, from).map((order) => ({
          topic,
          key: customers[order % customers.length] as string,
          value: { order },
        })),
      )
      acknowledged.push(...upTo(10, from))
    }
  })()
  const consuming = ['a', 'b'].map(async (instance) => {
    const auto = instance === 'a'
    while (!end.signal.aborted) {
      try {
        seen.push(...(await poll({ topic, group, instance, timeout: 200, auto })))
        if (!auto) await kafka.consumer().commit({ consumerGroupId: group, instanceId: instance })
      } catch {
        // Of the call that failed, nothing is known. The next one is the same.
      }
    }
  })
  for (let cut = 0; cut < 2; cut++) {
    await sleep(500)
    await server.restart()
  }
  await producing
  expect(acknowledged).toEqual(upTo(400))
  const unique = () => new Set(ordersOf(seen))
  await until('all orders were seen', () => unique().size === 400)
  end.abort()
  await Promise.all(consuming)
  expect(await drain({ topic, group, instance: 'a', auto: false })).toEqual([])
}, 90_000)

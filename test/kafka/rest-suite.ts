import { type Consumer, Kafka, type UpstashError } from '@upstash/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { murmur2 } from '../../src/storage/murmur2.ts'

/** A server of the dialect of Upstash's Kafka REST API. */
export interface RestTarget {
  readonly url: string
  /** A user who may read and write every topic and use every group. */
  readonly username: string
  readonly password: string
  /** Gives a topic of at least two partitions in which nothing is yet. */
  readonly freshTopic: () => Promise<{ readonly name: string; readonly partitions: number }>
  /** Ends the server in good order and starts it again on the same address, with what it has. */
  readonly restart: () => Promise<void>
  readonly close: () => Promise<void>
}

type Got = Awaited<ReturnType<Consumer['consume']>>[number]
/** What an answer holds beside what the client's types know. */
type Full = Omit<Got, 'key' | 'value'> & {
  readonly key: string | null
  readonly value: string | null
  readonly encoding?: string
}

const orderOf = (id: number, user: string) => ({ event: 'Order Completed', userId: user, order_id: id })
const users = ['ada', 'grace', 'edsger', 'barbara', 'alan']

/**
 * Runs the unchanged `@upstash/kafka` client, and what the dialect has beyond it, against a server.
 *
 * @param name of the server
 * @param open starts it
 */
export function restSuite(name: string, open: () => Promise<RestTarget>): void {
  describe(name, () => {
    let target: RestTarget
    let kafka: Kafka
    let counter = 0
    /** A group that nobody has used. */
    const group = () => `group-${process.pid}-${Date.now()}-${counter++}`

    beforeAll(async () => {
      target = await open()
      kafka = new Kafka(target)
    }, 180_000)
    afterAll(() => target?.close())

    /** A call past the client, which hides statuses and sends no encoding. */
    async function call(path: string, body?: unknown, headers: Record<string, string> = {}) {
      const answer = await fetch(`${target.url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Basic ${btoa(`${target.username}:${target.password}`)}`, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as unknown }
    }

    /** Everything in a topic, by partition. */
    async function all({ name, partitions }: { name: string; partitions: number }): Promise<Full[]> {
      const found: Full[] = []
      for (let partition = 0; partition < partitions; partition++)
        for (let offset = 0; ;) {
          const next = (await kafka.consumer().fetch({ topic: name, partition, offset, timeout: 100 })) as Full[]
          if (next.length === 0) break
          found.push(...next)
          offset = (next.at(-1)?.offset ?? 0) + 1
        }
      return found
    }

    interface Consuming {
      readonly group: string
      readonly instance?: string
      readonly topic: string
      readonly count: number
      readonly autoCommit?: boolean
      readonly reset?: 'earliest' | 'latest'
    }

    const once = ({ group, instance = 'i1', topic, autoCommit, reset = 'earliest' }: Consuming, timeout = 1_000) =>
      kafka.consumer().consume({
        consumerGroupId: group,
        instanceId: instance,
        topics: [topic],
        timeout,
        autoOffsetReset: reset,
        autoCommitInterval: 100,
        ...(autoCommit === undefined ? {} : { autoCommit }),
      })

    /** Consumes until so many records were seen, and a moment longer, so that more would be seen as well. */
    async function consume(options: Consuming): Promise<Got[]> {
      const found: Got[] = []
      const end = Date.now() + 60_000
      while (found.length < options.count && Date.now() < end) found.push(...(await once(options)))
      found.push(...(await once(options, 300)))
      return found
    }

    const leave = (group: string, instance = 'i1') => kafka.admin().removeConsumerInstance(group, instance)
    const ids = (records: readonly { readonly value: string | null }[]) =>
      records.map(({ value }) => (JSON.parse(value ?? 'null') as { order_id: number }).order_id)
    const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

    /** Orders 0 to count - 1, in batches, each keyed by its user. */
    async function produceOrders(topic: string, count: number, from = 0): Promise<void> {
      for (let first = from; first < from + count; first += 50) {
        const batch = Array.from({ length: Math.min(50, from + count - first) }, (_, i) => first + i)
        await kafka.producer().produceMany(
          batch.map((id) => {
            const user = users[id % users.length] as string
            return { topic, key: user, value: orderOf(id, user) }
          }),
        )
      }
    }

    const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)

    function expectOrderPerKey(records: readonly Got[]): void {
      for (const [, own] of Map.groupBy(records, ({ key }) => key)) expect(ids(own)).toEqual(sorted(ids(own)))
    }

    test('the client produces one record and is told where it is', async () => {
      const topic = await target.freshTopic()
      const before = Date.now()
      const told = await kafka.producer().produce(topic.name, orderOf(1843, 'ada'), {
        key: 'ada',
        headers: [{ key: 'message_id', value: 'order-1843' }],
      })
      expect(told).toMatchObject({ topic: topic.name, offset: 0 })
      expect(told.timestamp).toBeGreaterThanOrEqual(before)
      expect(await all(topic)).toEqual([
        {
          ...told,
          key: 'ada',
          value: JSON.stringify(orderOf(1843, 'ada')),
          headers: [{ key: 'message_id', value: 'order-1843' }],
        },
      ])
    })

    test('the client produces many records at once and is answered in their order', async () => {
      const topic = await target.freshTopic()
      const keys = [
        'u1',
        'abc',
        'user-2',
        'a-little-bit-long-string',
        'u1',
        'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8',
      ]
      const told = await kafka
        .producer()
        .produceMany(keys.map((key, i) => ({ topic: topic.name, key, value: `Order ${i}` })))
      const partitions = keys.map((key) => (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % topic.partitions)
      // A key goes to the partition that Kafka's Java client would choose.
      expect(told.map(({ partition }) => partition)).toEqual(partitions)
      const stored = await all(topic)
      for (const [i, { partition, offset }] of told.entries())
        expect(stored.find((one) => one.partition === partition && one.offset === offset)?.value).toBe(`Order ${i}`)
    })

    test('a record keeps its text, its headers, its time and its partition', async () => {
      const topic = await target.freshTopic()
      const partition = topic.partitions - 1
      const timestamp = Date.now() - 3_600_000
      const headers = [
        { key: 'trace', value: 'first' },
        { key: 'größe', value: '42 €' },
        { key: 'trace', value: 'second' },
      ]
      const texts = ['Grüße, 世界 🚀', '', '\uFEFFbyte order mark', 'line\nbreak\u0000zero', '{"total":129.90}']
      await kafka
        .producer()
        .produceMany(texts.map((value) => ({ topic: topic.name, value, key: 'Zoë', partition, timestamp, headers })))
      const stored = await all(topic)
      expect(stored.map(({ value }) => value)).toEqual(texts)
      for (const record of stored) expect(record).toMatchObject({ partition, timestamp, headers, key: 'Zoë' })
    })

    test('a record without a key is another one than one with an empty key', async () => {
      const topic = await target.freshTopic()
      await kafka.producer().produceMany([
        { topic: topic.name, partition: 0, value: 'no key' },
        { topic: topic.name, partition: 0, value: 'empty key', key: '' },
      ])
      expect((await all(topic)).map(({ key, value }) => [key, value])).toEqual([
        [null, 'no key'],
        ['', 'empty key'],
      ])
    })

    test('two groups see every record once and in the order of its key', async () => {
      const topic = await target.freshTopic()
      const [inventory, mail] = [group(), group()]
      await produceOrders(topic.name, 300)
      const [one, other] = await Promise.all(
        [inventory, mail].map((name) => consume({ group: name, topic: topic.name, count: 300 })),
      )
      for (const seen of [one, other]) {
        expect(sorted(ids(seen ?? []))).toEqual(upTo(300))
        expectOrderPerKey(seen ?? [])
      }
    }, 120_000)

    test('a group that commits by itself goes on where another instance stopped', async () => {
      const topic = await target.freshTopic()
      const name = group()
      await produceOrders(topic.name, 40)
      expect(await consume({ group: name, topic: topic.name, count: 40, autoCommit: true })).toHaveLength(40)
      await leave(name)
      await produceOrders(topic.name, 10, 40)
      const later = await consume({ group: name, instance: 'i2', topic: topic.name, count: 10, autoCommit: true })
      expect(sorted(ids(later))).toEqual(upTo(10, 40))
    }, 120_000)

    test('a group without commits begins again, and with a commit goes on', async () => {
      const topic = await target.freshTopic()
      const name = group()
      const own = { consumerGroupId: name, instanceId: 'i1' }
      const asked = { group: name, topic: topic.name, autoCommit: false }
      await produceOrders(topic.name, 30)
      expect(await consume({ ...asked, count: 30 })).toHaveLength(30)
      await leave(name)
      expect(sorted(ids(await consume({ ...asked, count: 30 })))).toEqual(upTo(30))
      await kafka.consumer().commit(own)
      await leave(name)
      await produceOrders(topic.name, 5, 30)
      expect(sorted(ids(await consume({ ...asked, count: 5 })))).toEqual(upTo(5, 30))
    }, 120_000)

    test('a commit names the next offset to be read', async () => {
      const topic = await target.freshTopic()
      const name = group()
      const place = { topic: topic.name, partition: 1 }
      await kafka.producer().produceMany(upTo(10).map((id) => ({ ...place, value: orderOf(id, 'ada') })))
      const own = { consumerGroupId: name, instanceId: 'i1' }
      const asked = { group: name, topic: topic.name, autoCommit: false }
      expect(await consume({ ...asked, count: 10 })).toHaveLength(10)
      await kafka.consumer().commit({ ...own, offset: { ...place, offset: 7 } })
      const partitions = [place, { ...place, partition: 0 }]
      // A partition of which nothing was committed is left out.
      expect(await kafka.consumer().committed({ ...own, topicPartitions: partitions })).toEqual([
        { ...place, offset: 7 },
      ])
      expect(await kafka.admin().committedOffsets({ ...own, topicPartition: place })).toEqual([{ ...place, offset: 7 }])
      await leave(name)
      expect(ids(await consume({ ...asked, count: 3 }))).toEqual([7, 8, 9])
    }, 120_000)

    test('a fetch reads any partition from any offset', async () => {
      const topic = await target.freshTopic()
      const places = [0, 1].map((partition) => ({ topic: topic.name, partition }))
      await kafka
        .producer()
        .produceMany(places.flatMap((place) => upTo(20).map((id) => ({ ...place, value: orderOf(id, 'ada') }))))
      const found = await kafka.consumer().fetch({
        topicPartitionOffsets: places.map((place) => ({ ...place, offset: 15 + place.partition })),
        timeout: 1_000,
      })
      expect(found.map(({ partition, offset }) => `${partition}:${offset}`).toSorted()).toEqual([
        '0:15',
        '0:16',
        '0:17',
        '0:18',
        '0:19',
        '1:16',
        '1:17',
        '1:18',
        '1:19',
      ])
    })

    test('a fetch at the end waits for a record, and only as long as it was told', async () => {
      const topic = await target.freshTopic()
      const place = { topic: topic.name, partition: 0, offset: 0 }
      const began = Date.now()
      expect(await kafka.consumer().fetch({ ...place, timeout: 700 })).toEqual([])
      expect(Date.now() - began).toBeGreaterThanOrEqual(600)
      const waiting = kafka.consumer().fetch({ ...place, timeout: 20_000 })
      await sleep(500)
      const produced = Date.now()
      await kafka.producer().produce(topic.name, 'Order Completed', { partition: 0 })
      expect((await waiting).map(({ value }) => value)).toEqual(['Order Completed'])
      expect(Date.now() - produced).toBeLessThan(5_000)
    }, 60_000)

    test('a fetch holds no more bytes than were asked for, and at least one record', async () => {
      const topic = await target.freshTopic()
      const place = { topic: topic.name, partition: 0 }
      await kafka.producer().produceMany(upTo(20).map((id) => ({ ...place, value: `${id}`.padEnd(1_000, '.') })))
      const three = await call('/fetch', { ...place, offset: 0, maxBytes: 3_500 })
      expect((three.body as Full[]).map(({ offset }) => offset)).toEqual([0, 1, 2])
      const one = await call('/fetch', { ...place, offset: 3, maxBytes: 10 })
      expect((one.body as Full[]).map(({ offset }) => offset)).toEqual([3])
    })

    test('a record that has no room in an answer is the first of the next one, though a smaller one stands behind it', async () => {
      const topic = await target.freshTopic()
      const place = { topic: topic.name, partition: 0 }
      for (const value of ['small', 'large'.padEnd(3_000), 'small']) await call('/produce', { ...place, value })
      const read = async (offset: number) =>
        ((await call('/fetch', { ...place, offset, maxBytes: 1_000 })).body as Full[]).map((one) => one.offset)
      expect([await read(0), await read(1), await read(2)]).toEqual([[0], [1], [2]])
    })

    test('offsets are found by time, and a group starts there', async () => {
      const topic = await target.freshTopic()
      const name = group()
      const place = { topic: topic.name, partition: 0 }
      const noon = Date.UTC(2026, 10, 22, 12)
      await kafka
        .producer()
        .produceMany(upTo(10).map((id) => ({ ...place, value: orderOf(id, 'ada'), timestamp: noon + id * 60_000 })))
      const at = async (timestamp: number | 'earliest' | 'latest') =>
        (await kafka.admin().topicPartitionOffsets({ timestamp, topicPartition: place }))[0]?.offset
      expect(await at('earliest')).toBe(0)
      expect(await at('latest')).toBe(10)
      expect(await at(noon + 3 * 60_000)).toBe(3)
      expect(await at(noon + 3 * 60_000 + 1)).toBe(4)
      // Nothing is as young: what comes next would be.
      expect(await at(noon + 86_400_000)).toBe(10)
      await kafka.consumer().commit({
        consumerGroupId: name,
        instanceId: 'i1',
        offset: { ...place, offset: (await at(noon + 300_000)) ?? 0 },
      })
      expect(ids(await consume({ group: name, topic: topic.name, count: 5 }))).toEqual([5, 6, 7, 8, 9])
    }, 60_000)

    test('concurrent consumers of one group share the partitions, and no record is lost', async () => {
      const topic = await target.freshTopic()
      const name = group()
      // A group that is dealt anew before it has committed would begin behind what is there.
      const asked = { group: name, topic: topic.name, reset: 'earliest' } as const
      const seen = new Map<string, Got[]>([
        ['i1', []],
        ['i2', []],
      ])
      const isOver = () => new Set(ids([...seen.values()].flat())).size >= 400
      const end = Date.now() + 90_000
      const run = async (instance: string) => {
        while (!isOver() && Date.now() < end)
          seen.get(instance)?.push(...(await once({ ...asked, instance, count: 0 }, 500)))
      }
      const both = Promise.all([run('i1'), run('i2')])
      await once({ ...asked, instance: 'i1', count: 0 })
      await once({ ...asked, instance: 'i2', count: 0 })
      await produceOrders(topic.name, 400)
      await both
      expect(sorted([...new Set(ids([...seen.values()].flat()))])).toEqual(upTo(400))
      const partitions = [...seen.values()].map(
        (records) => new Set(records.slice(-50).map(({ partition }) => partition)),
      )
      expect(partitions.every(({ size }) => size > 0)).toBe(true)
      for (const records of seen.values()) {
        // A record that came again, because the group was dealt anew, is passed over.
        const unique = [...new Map(records.map((one) => [`${one.partition}:${one.offset}`, one])).values()]
        expectOrderPerKey(unique)
      }
      const consumers = await kafka.admin().consumers()
      const own = consumers.find((one) => one.name === name)
      expect(own?.instances.map((one) => one.name).toSorted()).toEqual(['i1', 'i2'])
    }, 150_000)

    test('a restart in the middle loses nothing that was produced or committed', async () => {
      const topic = await target.freshTopic()
      const name = group()
      const own = { consumerGroupId: name, instanceId: 'i1' }
      const asked = { group: name, topic: topic.name, autoCommit: false, reset: 'earliest' } as const
      await produceOrders(topic.name, 60)
      const first = await consume({ ...asked, count: 60 })
      await kafka.consumer().commit(own)
      const [, ...waiting] = await Promise.allSettled([target.restart(), produceOrders(topic.name, 60, 60)])
      expect(waiting.map(({ status }) => status)).toEqual(['fulfilled'])
      const second = await consume({ ...asked, count: 60 })
      expect(sorted(ids(first))).toEqual(upTo(60))
      // The client sends again what it was not answered, so one may be there twice.
      expect(sorted([...new Set(ids(second))])).toEqual(upTo(60, 60))
    }, 180_000)

    test('the client is told of a wrong password and of a topic that is not there', async () => {
      const stranger = new Kafka({ ...target, password: 'wrong' })
      const failure = (promise: Promise<unknown>) =>
        promise.then(
          () => undefined,
          (error: UpstashError) => ({ name: error.name, status: error.status, error: error.error }),
        )
      const failures = await Promise.all([
        failure(stranger.producer().produce('orders', 'x')),
        failure(kafka.consumer().fetch({ topic: 'no-such-topic', partition: 0, offset: 0 })),
        failure(kafka.consumer().consume({ consumerGroupId: group(), instanceId: 'i1', topics: ['no-such-topic'] })),
        failure(kafka.producer().produce('no-such-topic', 'x')),
        failure(kafka.producer().produceMany([{ topic: 'no-such-topic', value: 'x' }])),
      ])
      expect(failures.map((one) => one?.status)).toEqual([401, 404, 404, 404, undefined])
      expect(failures[0]?.error).toContain('Unauthorized')
      expect(failures[1]?.error).toContain('no-such-topic')
      expect(failures[3]?.error).toContain('no-such-topic')
      // The answer is a list, with the failure of each record in it.
      expect(failures[4]?.name).toBe('UpstashError')
    }, 60_000)

    test('each record of a produce request has a result of its own', async () => {
      const topic = await target.freshTopic()
      const { status, body } = await call('/produce', [
        { topic: topic.name, partition: 0, value: 'first' },
        { topic: 'no-such-topic', value: 'nowhere' },
        { topic: topic.name, partition: 0, value: { an: 'object' } },
        { topic: topic.name, partition: topic.partitions, value: 'no such partition' },
        { topic: topic.name, partition: 0 },
        { topic: topic.name, partition: 0, value: 'last' },
      ])
      expect(status).toBe(404)
      expect(body).toMatchObject([
        { topic: topic.name, partition: 0, offset: 0 },
        { status: 404, retry: 'no', error: expect.stringContaining('no-such-topic') as string },
        { status: 400, retry: 'no', error: expect.stringContaining('value') as string },
        { status: 400, retry: 'no', error: expect.stringContaining('partition') as string },
        { status: 400, retry: 'no', error: expect.stringContaining('value') as string },
        { topic: topic.name, partition: 0, offset: 1 },
      ])
      expect((await all(topic)).map(({ value }) => value)).toEqual(['first', 'last'])
    })

    test('a single record that fails is answered with its error', async () => {
      const { status, body } = await call('/produce', { topic: 'no-such-topic', value: 'x' })
      expect(status).toBe(404)
      expect(body).toEqual({ error: expect.stringContaining('no-such-topic') as string, status: 404, retry: 'no' })
    })

    test('bytes go through as base64, and no record is mangled for readers of text', async () => {
      const topic = await target.freshTopic()
      const base64 = (...bytes: number[]) => Buffer.from(bytes).toString('base64')
      const encoded = { 'kafka-encoding': 'base64' }
      const avro = {
        key: base64(0, 1),
        value: base64(0, 0, 0, 0, 7, 0xff, 0xfe),
        headers: [{ key: 'id', value: base64(0x80) }],
      }
      const place = { topic: topic.name, partition: 0 }
      expect(
        (
          await call(
            '/produce',
            [
              { ...place, ...avro },
              { ...place, key: null, value: null },
            ],
            encoded,
          )
        ).status,
      ).toBe(200)
      await kafka.producer().produce(topic.name, 'plain text', { partition: 0, key: 'ada' })
      const asBytes = (await call('/fetch', { ...place, offset: 0 }, encoded)).body as Full[]
      expect(asBytes).toMatchObject([
        avro,
        { key: null, value: null, headers: [] },
        { key: btoa('ada'), value: btoa('plain text') },
      ])
      const asText = (await call('/fetch', { ...place, offset: 0 })).body as Full[]
      expect(asText).toMatchObject([
        { ...avro, encoding: 'base64' },
        { key: null, value: null },
        { key: 'ada', value: 'plain text' },
      ])
      expect(asText.map(({ encoding }) => encoding)).toEqual(['base64', undefined, undefined])
    })

    test('what is not base64 is refused, and so is half of a character', async () => {
      const topic = await target.freshTopic()
      const place = { topic: topic.name, partition: 0 }
      const encoded = { 'kafka-encoding': 'base64' }
      for (const value of ['***', '-_-_', 'aGVsbG8'])
        expect(await call('/produce', { ...place, value }, encoded)).toMatchObject({
          status: 400,
          body: { retry: 'no' },
        })
      expect(await call('/produce', { ...place, value: '\ud83d' })).toMatchObject({ status: 400 })
      expect((await call('/fetch', { ...place, offset: 0 }, { 'kafka-encoding': 'hex' })).status).toBe(400)
      expect(await all(topic)).toEqual([])
    })

    test('the client lists the topics with their partitions', async () => {
      const topic = await target.freshTopic()
      expect((await kafka.admin().topics())[topic.name]).toBe(topic.partitions)
    })

    test('calls that are wrong are told what is wrong', async () => {
      const topic = await target.freshTopic()
      const place = { topic: topic.name, partition: 0 }
      const wrong: readonly (readonly [path: string, body: unknown, status: number, says: string])[] = [
        ['/fetch', { ...place }, 400, 'offset'],
        ['/fetch', { ...place, offset: 99 }, 416, '99'],
        ['/fetch', { ...place, partition: topic.partitions, offset: 0 }, 404, 'partition'],
        ['/offsets/yesterday', place, 400, 'earliest'],
        ['/offsets/latest', {}, 400, 'partition'],
        ['/consume/a%20b/i1', { topic: topic.name }, 400, 'group'],
        ['/consume/g/i1', {}, 400, 'topic'],
        ['/no-such-call', {}, 404, '/produce'],
      ]
      for (const [path, body, status, says] of wrong) {
        const answer = await call(path, body)
        expect([path, answer.status]).toEqual([path, status])
        expect(answer.body).toMatchObject({ status, error: expect.stringContaining(says) as string })
      }
    })
  })
}

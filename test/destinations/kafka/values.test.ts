import { Buffer } from 'node:buffer'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fnv1a, partitionOfKey } from '../../../destinations/kafka/partition.ts'
import type { KafkaInput } from '../../../destinations/kafka/settings.ts'
import { makeKafkaValues } from '../../../destinations/kafka/values.ts'
import { parseSchema } from '../../../src/avro/parse-schema.ts'
import { Envelope } from '../../../src/core/envelope.ts'
import type { Event } from '../../../src/core/event.ts'
import type { Verdict } from '../../../src/core/verdict.ts'
import {
  type FoundSchema,
  findSchema,
  needKey,
  needVerdict,
  type SchemaNeed,
} from '../../../src/registry/find-schema.ts'
import { RegistryClient } from '../../../src/registry/registry-client.ts'
import { checkRegistry } from '../../../src/registry/registry-settings.ts'
import { confluent, FakeRegistry } from '../../support/fake-registry.ts'
import { headerOf } from '../../support/sample-events.ts'

/** One case of `values/*.json`: an event, what is asked of a registry, and the record or why there is none. */
interface Case {
  readonly name: string
  readonly settings: KafkaInput
  readonly event: Event
  /** What a registry is asked for; nothing when left out. */
  readonly need?: SchemaNeed
  readonly answer?: { readonly id: number; readonly schema: unknown }
  /** Of the topic; 1 when left out. */
  readonly partitions?: number
  /** What is produced; only what is named is compared. */
  readonly record?: {
    readonly topic: string
    readonly key?: string | null
    readonly partition?: number | null
    readonly headers?: Readonly<Record<string, string>>
    /** A value that is JSON. */
    readonly value?: unknown
    /** A value that is Avro. */
    readonly hex?: string
  }
  /** Part of the reason for which the event is dead. */
  readonly dead?: string
}

const files = globSync(resolve(import.meta.dirname, 'values/*.json')).toSorted()
const cases = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as Case[])
const envelopeOf = (event: Event) =>
  new Envelope(headerOf(event.messageId, { key: event.userId ?? '', to: [] }), JSON.stringify(event))
const textOf = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

describe('values of Kafka', () => {
  test('values of Kafka have golden cases in files', () => {
    expect(cases.length).toBeGreaterThan(30)
  })

  test.each(cases)(
    'the value side of the Kafka destination $name',
    ({ settings, event, need, answer, partitions = 1, record, dead }) => {
      const values = makeKafkaValues(settings)
      expect(values.problems).toEqual([])
      const envelope = envelopeOf(event)
      const plan = values.plan(envelope)
      const isPlan = plan.kind === 'plan'
      expect(isPlan ? plan.need : undefined).toEqual(need)
      const known = new Map<string, FoundSchema>()
      if (need !== undefined && answer !== undefined)
        known.set(needKey(need), { id: answer.id, type: parseSchema(answer.schema) })
      const made = isPlan ? values.encode(envelope, plan, known) : plan
      if (dead !== undefined)
        return expect(made).toEqual({ kind: 'dead', reason: expect.stringContaining(dead) as string })
      if (made.kind !== 'record') throw new Error(JSON.stringify(made))
      const found = {
        topic: made.topic,
        key: textOf(made.key),
        partition: values.partition(made.key, partitions) ?? null,
        headers: Object.fromEntries(made.headers.map(([name, value]) => [name, textOf(value)])),
        ...(record?.hex === undefined
          ? { value: JSON.parse(textOf(made.value) ?? 'null') as unknown }
          : { hex: Buffer.from(made.value ?? []).toString('hex') }),
      }
      expect(found).toMatchObject(record ?? {})
      if (record?.headers !== undefined) expect(found.headers).toEqual(record.headers)
    },
  )
})

describe('functions in the settings of Kafka', () => {
  const order: Event = {
    type: 'track',
    event: 'Order Completed',
    messageId: 'order-1843',
    userId: 'ada',
    properties: { total: 129.9, region: 'eu' },
  }
  const run = (input: KafkaInput, event = order) => {
    const values = makeKafkaValues(input)
    expect(values.problems).toEqual([])
    const plan = values.plan(envelopeOf(event))
    return plan.kind === 'plan' ? values.encode(envelopeOf(event), plan, new Map()) : plan
  }

  test('functions in the settings choose topic, key and value of an event', () => {
    const made = run({
      topic: ({ properties }) => `orders-${String(properties?.['region'])}`,
      key: ({ properties }) => `${String(properties?.['region'])}!`,
      value: ({ properties }) => properties,
    })
    expect(made).toMatchObject({ kind: 'record', topic: 'orders-eu' })
    expect(made.kind === 'record' && [textOf(made.key), textOf(made.value)]).toEqual([
      'eu!',
      '{"total":129.9,"region":"eu"}',
    ])
  })

  test('a value of null is a tombstone, and none is a skip with its reason', () => {
    expect(run({ topic: 'people', value: () => null })).toMatchObject({ kind: 'record', value: null })
    expect(run({ topic: 'people', value: () => undefined })).toEqual({
      kind: 'skip',
      reason: 'the settings give no value',
    })
  })

  test('functions in the settings that throw make a dead letter of their event, with their words', () => {
    const fail = () => {
      throw new Error('no region')
    }
    expect(run({ topic: fail })).toEqual({
      kind: 'dead',
      reason: 'the settings give no topic, key or subject: no region',
    })
    expect(run({ topic: 'orders', value: fail })).toEqual({
      kind: 'dead',
      reason: '"value" of the settings threw: no region',
    })
    expect(run({ topic: () => 'orders of Ada' })).toMatchObject({
      kind: 'dead',
      reason: expect.stringContaining('"topic" gives the topic "orders of Ada"') as string,
    })
  })
})

describe('settings of Kafka that make no sense', () => {
  const schema = '{"type":"record","name":"Order","fields":[{"name":"total","type":"double","default":"free"}]}'
  test.each<[string, KafkaInput, string]>([
    ['no topic', {}, '"topic" is missing'],
    ['a topic that is no name', { topic: 'all events' }, '"topic" has other characters'],
    ['a template that does not end', { topic: 'events.${type' }, '"topic" has "${" without "}"'],
    ['a path that is none', { topic: 'events.${a b}' }, '"topic" has "${a b}", which is no path'],
    [
      'a topic of a map that is no name',
      { topic: 'events', eventToTopicMap: { Sold: 'sold!' } },
      '"eventToTopicMap" gives "Sold" the topic "sold!", which has other characters',
    ],
    [
      'an allowed topic that is none',
      { topic: 'events', allowedTopics: ['..'] },
      '"allowedTopics" has "..", which is a name that Kafka keeps',
    ],
    ['a header that is no template', { topic: 'events', headers: { a: '${' } }, '"headers.a" has "${" without "}"'],
    [
      'an unknown partitioner',
      { topic: 'events', partitioner: 'crc32' as 'fnv1a' },
      '"partitioner" must be murmur2 or fnv1a',
    ],
    ['Avro without schemas', { topic: 'events', convertToAvro: true }, '"avroSchemas" is empty'],
    [
      'a schema whose default does not fit',
      { topic: 'events', convertToAvro: true, avroSchemas: [{ schemaId: 1, schema }] },
      '"avroSchemas" has "1": schema at /fields/0/default: the default does not fit',
    ],
    [
      'an id that no frame holds',
      {
        topic: 'events',
        convertToAvro: true,
        embedAvroSchemaID: true,
        avroSchemas: [{ schemaId: 'v1', schema: '"string"' }],
      },
      '"avroSchemas" has "v1": with "embedAvroSchemaID" an id must be a whole number',
    ],
    [
      'a schema twice',
      {
        topic: 'events',
        avroSchemas: [
          { schemaId: 1, schema: '"int"' },
          { schemaId: '1', schema: '"int"' },
        ],
      },
      '"avroSchemas" has "1" twice',
    ],
    [
      'a schema that is not there',
      { topic: 'events', convertToAvro: true, schemaId: 2, avroSchemas: [{ schemaId: 1, schema: '"int"' }] },
      '"schemaId" is "2", which "avroSchemas" does not have',
    ],
    ['a registry without URL', { topic: 'events', registry: { url: undefined } }, '"registry": "url" is missing'],
    [
      'a registry and no Avro',
      { topic: 'events', convertToAvro: false, registry: { url: 'https://registry.shop.com' } },
      '"convertToAvro" is false, and "registry" makes Avro',
    ],
    [
      'nothing to register',
      { topic: 'events', registry: { url: 'https://registry.shop.com', schema: 'register' } },
      '"registry.schemas" is missing: what to register',
    ],
    [
      'a version that is none',
      { topic: 'events', registry: { url: 'https://registry.shop.com', schema: 0 } },
      '"registry.schema" must be latest',
    ],
    [
      'a subject without its record',
      { topic: 'events', registry: { url: 'https://registry.shop.com', subject: 'RecordName' } },
      '"registry.record" is missing',
    ],
  ])('settings of Kafka with %s are a problem of the config', (_, input, problem) => {
    expect(makeKafkaValues(input).problems.join('\n')).toContain(problem)
  })
})

describe('a registry between plan and record', () => {
  const text = '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"event","type":"string"}]}'
  const registry = { url: 'https://registry.shop.com' }
  const event: Event = { type: 'track', event: 'Sold', messageId: 'm-1', userId: 'ada' }

  /** Does what a transport does: plans, asks, encodes. */
  async function deliver(input: KafkaInput, fake: FakeRegistry, one = event) {
    const values = makeKafkaValues(input)
    expect(values.problems).toEqual([])
    const client = new RegistryClient(checkRegistry(registry).settings, { fetch: fake.fetch, now: () => 0 })
    const envelope = envelopeOf(one)
    const plan = values.plan(envelope)
    if (plan.kind !== 'plan') return plan
    const known = new Map<string, FoundSchema | Verdict>()
    const { need } = plan
    if (need !== undefined)
      known.set(needKey(need), await findSchema(client, need).catch((error: unknown) => needVerdict(need, error)))
    return values.encode(envelope, plan, known)
  }

  test('a registry that has no such subject pauses, and one that is down lets the event wait: it is never dead for it', async () => {
    const fake = new FakeRegistry(confluent)
    expect(await deliver({ topic: 'orders', registry }, fake)).toMatchObject({
      kind: 'pause',
      reason: expect.stringContaining('404 (40401)') as string,
    })
    fake.intercept = () => new Response('', { status: 503, headers: { 'retry-after': '30' } })
    expect(await deliver({ topic: 'orders', registry }, fake)).toMatchObject({ kind: 'retry', afterSeconds: 30 })
  })

  test('a registry that does not have the id that an event names makes that event dead, and no other', async () => {
    const fake = new FakeRegistry(confluent)
    const named = { ...event, integrations: { Kafka: { schemaId: 77 } } }
    expect(await deliver({ topic: 'orders', registry }, fake, named)).toMatchObject({ kind: 'dead' })
  })

  test('a registry whose schema is none pauses the events that need it', async () => {
    const fake = new FakeRegistry(confluent)
    fake.intercept = () => Response.json({ subject: 'orders-value', version: 1, id: 1, schema: '{"type":"nope"}' })
    expect(await deliver({ topic: 'orders', registry }, fake)).toMatchObject({
      kind: 'pause',
      reason: expect.stringContaining('there is no type "nope"') as string,
    })
  })

  test('a registry gets the schema of the settings, and the record its id', async () => {
    const fake = new FakeRegistry(confluent)
    const made = await deliver(
      { topic: 'orders', registry: { ...registry, schema: 'register', schemas: { orders: text } } },
      fake,
    )
    expect(made.kind === 'record' && Buffer.from(made.value ?? []).toString('hex')).toBe('000000000108536f6c64')
    expect(JSON.parse(fake.requests[0]?.body ?? '')).toEqual({ schema: text })
  })

  test('a record that is encoded before its schema is known waits', () => {
    const values = makeKafkaValues({ topic: 'orders', registry })
    const plan = values.plan(envelopeOf(event))
    expect(plan.kind === 'plan' && values.encode(envelopeOf(event), plan, new Map())).toEqual({
      kind: 'retry',
      reason: 'the schema is not there yet',
    })
  })
})

describe('partitions of Kafka keys', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  // The test vectors of the authors of FNV.
  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('FNV-1a hashes "%s" as its authors say', (text, hash) => {
    expect(fnv1a(bytes(text)) >>> 0).toBe(hash)
  })

  test.each([
    ['u1', 1],
    ['abc', 0],
    ['user-2', 2],
    ['21', 0],
  ])('the key "%s" is in the partition of three that Java chooses', (key, partition) => {
    expect(partitionOfKey(bytes(key), 3)).toBe(partition)
  })
})

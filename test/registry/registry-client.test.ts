import { describe, expect, test } from 'vitest'
import { findSchema, needKey, typeOfRef } from '../../src/registry/find-schema.ts'
import { RegistryCache } from '../../src/registry/registry-cache.ts'
import { compactSchema, RegistryClient } from '../../src/registry/registry-client.ts'
import type { RegistryError } from '../../src/registry/registry-error.ts'
import { checkRegistry, type RegistryInput } from '../../src/registry/registry-settings.ts'
import { subjectName } from '../../src/registry/subject-name.ts'
import { apicurio, confluent, FakeRegistry } from '../support/fake-registry.ts'
import { registrySuite } from './registry-suite.ts'

const base = 'https://registry.shop.com'
const order = '{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}'

const suites = [
  ['Apicurio, as recorded', apicurio],
  ['Confluent, as documented', confluent],
] as const
for (const [name, quirks] of suites) {
  const fake = new FakeRegistry(quirks)
  registrySuite(name, () => ({ url: `http://127.0.0.1:1${quirks.base}`, fetch: fake.fetch }))
}

/** A client of a fake registry whose clock the test moves. */
function fakeClient({
  input = {},
  cache = new RegistryCache(),
}: { input?: Partial<RegistryInput>; cache?: RegistryCache } = {}) {
  const fake = new FakeRegistry(confluent)
  const clock = { now: 0 }
  const { settings, problems } = checkRegistry({ url: base, ...input })
  expect(problems).toEqual([])
  const make = () => new RegistryClient(settings, { fetch: fake.fetch, now: () => clock.now }, cache)
  return { fake, clock, client: make(), make }
}
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as RegistryError,
  )

describe('what a registry client remembers', () => {
  test('an id is asked for once, also by another request of the same isolate', async () => {
    const { fake, client, make } = fakeClient()
    const id = await client.register('orders-value', { schema: order })
    await client.register('orders-value', { schema: ` ${order} ` })
    await make().register('orders-value', { schema: order })
    await make().schemaOf(id)
    await typeOfRef(make(), { kind: 'id', id })
    expect(fake.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /subjects/orders-value/versions',
    ])
  })

  test('the latest version of a subject is asked for again after a while', async () => {
    const { fake, clock, client } = fakeClient({ input: { latestSeconds: 60 } })
    await client.register('orders-value', { schema: order })
    const versions: number[] = []
    for (const now of [0, 59_999, 60_000, 60_001]) {
      clock.now = now
      if (now === 60_000)
        fake.answer(
          'POST',
          '/subjects/orders-value/versions',
          JSON.stringify({ schema: order.replace('}]', '},{"name":"note","type":"string","default":""}]') }),
        )
      versions.push((await client.version('orders-value', 'latest')).version)
    }
    expect(versions).toEqual([1, 1, 2, 2])
    expect(fake.requests.filter(({ path }) => path.endsWith('/latest'))).toHaveLength(2)
  })

  test('a schema that is not there is never remembered as missing', async () => {
    const { fake, client } = fakeClient()
    expect((await failureOf(client.lookUp('orders-value', { schema: order }))).isMissing).toBe(true)
    fake.answer('POST', '/subjects/orders-value/versions', JSON.stringify({ schema: order }))
    expect(await client.lookUp('orders-value', { schema: order })).toBe(1)
  })

  test('a hundred askers at once make one request, and all of them get its failure', async () => {
    const { fake, client } = fakeClient()
    const ids = await Promise.all(Array.from({ length: 100 }, () => client.register('orders-value', { schema: order })))
    expect(new Set(ids).size).toBe(1)
    expect(fake.requests).toHaveLength(1)
    fake.intercept = () => new Response('{"error_code":50001,"message":"the store is down"}', { status: 500 })
    const failures = await Promise.all(Array.from({ length: 10 }, () => failureOf(client.schemaOf(77))))
    expect(failures.every(({ errorCode }) => errorCode === 50_001)).toBe(true)
    expect(fake.requests).toHaveLength(2)
    fake.intercept = () => undefined
    expect((await failureOf(client.schemaOf(77))).status).toBe(404)
  })

  test('what is remembered is bounded, and what is used stays', async () => {
    const { fake, client } = fakeClient({ cache: new RegistryCache(100_000) })
    const wide = (i: number) =>
      JSON.stringify({ type: 'enum', name: `E${i}`, symbols: Array.from({ length: 300 }, (_, n) => `SYMBOL_${n}`) })
    await client.register('often-value', { schema: order })
    for (let i = 0; i < 60; i++) {
      await client.register(`rare-${i}-value`, { schema: wide(i) })
      await client.register('often-value', { schema: order })
    }
    const before = fake.requests.length
    await client.register('often-value', { schema: order })
    expect(fake.requests).toHaveLength(before)
    await client.register('rare-0-value', { schema: wide(0) })
    expect(fake.requests).toHaveLength(before + 1)
  })
})

test('two registries that give the same id to other schemas are never mixed up', async () => {
  const [one, other] = [fakeRegistryClient(), fakeRegistryClient()]
  expect(await one.register('orders-value', { schema: order })).toBe(1)
  expect(await other.register('names-value', { schema: '"string"' })).toBe(1)
  expect([(await one.schemaOf(1)).schema, (await other.schemaOf(1)).schema]).toEqual([order, '"string"'])
})

test('a registry is asked once for all clients that have the same settings', async () => {
  const fake = new FakeRegistry(confluent)
  const { settings } = checkRegistry({ url: base })
  const make = () => new RegistryClient(settings, { fetch: fake.fetch, now: () => 0 })
  await make().register('orders-value', { schema: order })
  await make().register('orders-value', { schema: order })
  expect(fake.requests).toHaveLength(1)
})

/** A client as a config makes it: without a cache of its own. */
function fakeRegistryClient() {
  const fake = new FakeRegistry(confluent)
  return new RegistryClient(checkRegistry({ url: base }).settings, { fetch: fake.fetch, now: () => 0 })
}

describe('what a registry client tells of a failure', () => {
  test.each<[string, () => Response | Promise<Response>, object]>([
    [
      'the network is down',
      () => Promise.reject(new TypeError('connection refused')),
      { status: 0, retry: true, verdict: { kind: 'retry' } },
    ],
    [
      'the store of the registry is down',
      () => Response.json({ error_code: 50_001, message: 'store' }, { status: 500 }),
      { status: 500, errorCode: 50_001, retry: true },
    ],
    [
      'it asks to wait',
      () => new Response('{}', { status: 429, headers: { 'retry-after': '7' } }),
      { retry: true, verdict: { kind: 'retry', afterSeconds: 7 } },
    ],
    [
      'it refuses the credential',
      () => Response.json({ error_code: 401, message: 'Unauthorized' }, { status: 401 }),
      { status: 401, retry: false, verdict: { kind: 'pause' } },
    ],
    [
      'it leads elsewhere',
      () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example.com' } }),
      { status: 302, retry: false },
    ],
    [
      'a web page answers',
      () => new Response('<html>Log in</html>'),
      { status: 200, retry: false, verdict: { kind: 'pause' } },
    ],
    ['something else answers', () => Response.json({ hello: 'world' }), { status: 200, retry: false }],
    ['it answers without end', () => new Response('x'.repeat(5_000_000)), { status: 0, retry: true }],
  ])('a registry client says what may help when %s', async (_, intercept, wanted) => {
    const { fake, client } = fakeClient()
    fake.intercept = intercept
    expect(await failureOf(client.schemaOf(7))).toMatchObject({ code: 'registry_failed', ...wanted })
  })

  test('a registry that does not answer in time is given up', async () => {
    const { fake, client } = fakeClient({ input: { timeoutSeconds: 1 } })
    fake.intercept = () => new Promise(() => {})
    expect((await failureOf(client.schemaOf(7))).message).toContain(
      'it did not answer within 1000 ms (GET /schemas/ids/7)',
    )
  })

  test('a level that is none is refused before it is sent, since Apicurio would answer 500', async () => {
    const { fake, client } = fakeClient()
    await expect(client.setCompatibility('SIDEWAYS' as 'FULL')).rejects.toThrow(
      '"SIDEWAYS" is no level; there are: BACKWARD',
    )
    expect(fake.requests).toEqual([])
  })

  test('a schema that is no Avro, or refers to itself, is an error and no endless loop', async () => {
    const { fake, client } = fakeClient()
    fake.intercept = ({ url }) =>
      Response.json(
        url.endsWith('/ids/1')
          ? { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' }
          : {
              subject: 'loop',
              version: 1,
              id: 2,
              schema: order,
              references: [{ name: 'Order', subject: 'loop', version: 1 }],
            },
      )
    await expect(typeOfRef(client, { kind: 'id', id: 1 })).rejects.toThrow('is PROTOBUF, and only AVRO can be read')
    await expect(typeOfRef(client, { kind: 'id', id: 2 })).rejects.toThrow('refers to others more than 20 levels deep')
  })
})

describe('the credential of a registry client', () => {
  test.each([
    [{ user: 'ada', password: 'pässword' }, `Basic ${Buffer.from('ada:pässword').toString('base64')}`],
    [{ token: 'tok-1843' }, 'Bearer tok-1843'],
    [{}, null],
  ])('the credential is sent as %o asks', async (input, header) => {
    const { fake, client } = fakeClient({ input })
    await client.register('orders-value', { schema: order })
    expect(fake.requests[0]?.authorization).toBe(header)
  })

  test('the credential is in no error and in no redacted setting', async () => {
    const input = { url: base, user: 'ada', password: 'sesame-1843' }
    const { fake, client } = fakeClient({ input })
    fake.intercept = () => Promise.reject(new TypeError('no route'))
    const error = await failureOf(client.schemaOf(7))
    expect(JSON.stringify([error.message, error.details, checkRegistry(input).redacted])).not.toContain('sesame')
  })

  test('settings that make no sense are problems of the config', () => {
    expect(checkRegistry({ url: 'http://127.0.0.1:8081' }).problems.join()).toContain('"url" must begin with https')
    expect(checkRegistry({ url: 'https://ada:secret@registry.shop.com' }).problems.join()).toContain(
      'must not hold a user or password',
    )
    expect(checkRegistry({ url: base, user: 'ada' }).problems.join()).toContain('"password" is missing')
    expect(checkRegistry({ url: base, user: 'ada', password: 'x', token: 'y' }).problems.join()).toContain(
      '"token" cannot stand beside "user"',
    )
    expect(checkRegistry({ url: base, user: 'a:b', password: 'x' }).problems.join()).toContain('cannot hold a colon')
  })
})

describe('names and forms for a registry', () => {
  test('a subject is named as Confluent’s strategies name it', () => {
    const parts = { topic: 'orders', part: 'value', record: 'shop.OrderCompleted' } as const
    expect(subjectName('TopicName', parts)).toBe('orders-value')
    expect(subjectName('TopicName', { ...parts, part: 'key' })).toBe('orders-key')
    expect(subjectName('RecordName', parts)).toBe('shop.OrderCompleted')
    expect(subjectName('TopicRecordName', parts)).toBe('orders-shop.OrderCompleted')
    expect(() => subjectName('RecordName', { topic: 'orders', part: 'value' })).toThrow(
      'RecordName needs the name of a record',
    )
  })

  test('a schema loses its white space and nothing else before it is sent', () => {
    const text = '{ "type" : "record",\n "name":"A b\\" c",\t"default": 9007199254740993, "n": 1.0 }'
    expect(compactSchema(text)).toBe('{"type":"record","name":"A b\\" c","default":9007199254740993,"n":1.0}')
  })

  test('the same need has one name, and is found by id, number and latest', async () => {
    expect(needKey({ kind: 'version', subject: 'orders-value', version: 2 })).toBe(
      needKey({ version: 2, subject: 'orders-value', kind: 'version' }),
    )
    const { client } = fakeClient()
    const { id, type } = await findSchema(client, { kind: 'register', subject: 'orders-value', schema: order })
    for (const need of [
      { kind: 'id', id },
      { kind: 'latest', subject: 'orders-value' },
      { kind: 'version', subject: 'orders-value', version: 1 },
      { kind: 'lookUp', subject: 'orders-value', schema: order },
    ] as const)
      expect(await findSchema(client, need)).toEqual({ id, type })
  })
})

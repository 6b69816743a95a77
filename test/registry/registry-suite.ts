import { describe, expect, test } from 'vitest'
import { makeDecoder, makeEncoder } from '../../src/avro/codec.ts'
import { frameOf, readFrame } from '../../src/avro/framing.ts'
import type { Port } from '../../src/core/port.ts'
import { findSchema, typeOfRef } from '../../src/registry/find-schema.ts'
import { RegistryClient } from '../../src/registry/registry-client.ts'
import type { RegistryError } from '../../src/registry/registry-error.ts'
import { checkRegistry } from '../../src/registry/registry-settings.ts'

/** A registry to run the suite against. */
export interface SuiteRegistry {
  readonly url: string
  readonly fetch: Port['fetch']
}

const order = (...more: unknown[]) =>
  JSON.stringify({
    type: 'record',
    name: 'OrderCompleted',
    namespace: 'shop',
    fields: [{ name: 'order_id', type: 'string' }, ...more],
  })
const optionalTotal = { name: 'total', type: ['null', 'double'], default: null }

/** What `work` throws. */
async function failureOf(work: Promise<unknown>): Promise<RegistryError> {
  return work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as RegistryError,
  )
}

/**
 * Runs what every registry with Confluent's API must do, whatever its quirks.
 *
 * @param name of the registry
 * @param start gives it, empty; each test uses subjects of its own
 */
export function registrySuite(name: string, start: () => SuiteRegistry): void {
  describe(`the schema registry ${name}`, () => {
    const makeClient = () => {
      const { url, fetch } = start()
      const { settings, problems } = checkRegistry({ url, allowPrivate: true })
      expect(problems).toEqual([])
      return new RegistryClient(settings, { fetch, now: Date.now })
    }

    test(`${name} registers a schema once, and gives its id, version and text from then on`, async () => {
      const client = makeClient()
      const id = await client.register('orders-value', { schema: order() })
      expect(await client.register('orders-value', { schema: order() })).toBe(id)
      const other = makeClient()
      expect(await other.register('orders-value', { schema: order() })).toBe(id)
      expect(await other.register('orders-copy-value', { schema: order() })).toBe(id)
      expect(await other.lookUp('orders-value', { schema: order() })).toBe(id)
      expect(JSON.parse((await makeClient().schemaOf(id)).schema)).toEqual(JSON.parse(order()))
      expect(await other.version('orders-value', 'latest')).toMatchObject({ id, version: 1, subject: 'orders-value' })
      expect(await other.version('orders-value', 1)).toMatchObject({ id, schemaType: 'AVRO' })
      expect(await other.versions('orders-value')).toEqual([1])
      expect(await other.subjects()).toEqual(expect.arrayContaining(['orders-value', 'orders-copy-value']))
    })

    test(`${name} takes a schema with other white space for the same`, async () => {
      const client = makeClient()
      const id = await client.register('spaced-value', { schema: order() })
      const spaced = JSON.stringify(JSON.parse(order()), null, 2)
      expect(await client.register('spaced-value', { schema: spaced })).toBe(id)
      expect(await makeClient().lookUp('spaced-value', { schema: spaced })).toBe(id)
    })

    test(`${name} says what it does not have: a subject, a version, a schema, an id`, async () => {
      const client = makeClient()
      await client.register('missing-value', { schema: order() })
      for (const work of [
        () => client.version('nobody-value', 'latest'),
        () => client.version('missing-value', 9),
        () => client.versions('nobody-value'),
        () => client.lookUp('nobody-value', { schema: order() }),
        () => client.lookUp('missing-value', { schema: order(optionalTotal) }),
        () => client.schemaOf(999_999),
        () => client.compatibility('nobody-value'),
      ]) {
        const error = await failureOf(work())
        expect(error).toMatchObject({
          code: 'registry_failed',
          status: 404,
          isMissing: true,
          retry: false,
          verdict: { kind: 'pause' },
        })
        expect(error.errorCode).toBeGreaterThan(40_400)
      }
    })

    test(`${name} refuses a schema that is not compatible, and says so beforehand`, async () => {
      const client = makeClient()
      await client.register('levels-value', { schema: order() })
      await client.setCompatibility('BACKWARD', 'levels-value')
      expect(await client.compatibility('levels-value')).toBe('BACKWARD')
      expect(await client.check('levels-value', { schema: order(optionalTotal) })).toMatchObject({ isCompatible: true })
      const strict = order({ name: 'total', type: 'double' })
      expect(await client.check('levels-value', { schema: strict })).toMatchObject({ isCompatible: false })
      const error = await failureOf(client.register('levels-value', { schema: strict }))
      expect(error).toMatchObject({ status: 409, retry: false, verdict: { kind: 'pause' } })
      expect(error.message).toContain('409')
      expect(await client.register('levels-value', { schema: order(optionalTotal) })).toBeGreaterThan(0)
      expect((await client.version('levels-value', 'latest')).version).toBe(2)
    })

    test(`${name} refuses what is no schema, for good`, async () => {
      const error = await failureOf(makeClient().register('broken-value', { schema: '{"type":"nope"}' }))
      expect(error).toMatchObject({ status: 422, errorCode: 42_201, retry: false })
    })

    test(`${name} keeps a subject with a slash, a space and letters of any kind`, async () => {
      const id = await makeClient().register('shop/Bestellung über alles-value', { schema: order() })
      expect((await makeClient().version('shop/Bestellung über alles-value', 'latest')).id).toBe(id)
    })

    test(`${name} brings a schema together with what it refers to`, async () => {
      const client = makeClient()
      const user = '{"type":"record","name":"User","namespace":"lab","fields":[{"name":"id","type":"string"}]}'
      await client.register('user-value', { schema: user })
      const { id } = await findSchema(client, {
        kind: 'register',
        subject: 'visit-value',
        schema:
          '{"type":"record","name":"Visit","fields":[{"name":"by","type":"lab.User"},{"name":"again","type":["null","lab.User"]}]}',
        references: [{ name: 'lab.User', subject: 'user-value', version: 1 }],
      })
      const type = await typeOfRef(makeClient(), { kind: 'id', id })
      const ada = { by: { id: 'ada' }, again: null }
      expect(makeDecoder(type)(makeEncoder(type)(ada))).toEqual(ada)
    })

    test(`${name} gives a reader what a writer framed, and the latest schema to read it with`, async () => {
      const client = makeClient()
      const first = await findSchema(client, { kind: 'register', subject: 'framed-value', schema: order() })
      const bytes = makeEncoder(first.type)({ order_id: '1843' }, frameOf(first.id))
      await client.register('framed-value', { schema: order(optionalTotal) })
      const reading = makeClient()
      const { schema, payload } = readFrame(bytes)
      const writer = await typeOfRef(reading, schema)
      const { type: reader } = await findSchema(reading, { kind: 'latest', subject: 'framed-value' })
      expect(makeDecoder(writer, { reader })(payload)).toEqual({ order_id: '1843', total: null })
    })
  })
}

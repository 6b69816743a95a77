import { describe, expect, test } from 'vitest'
import type { AvroError } from '../../src/avro/avro-error.ts'
import { makeDecoder, makeEncoder } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { withSeed } from '../support/seed.ts'
import { plainOf } from './avsc.ts'
import { SchemaGenerator } from './random-schema.ts'

const order = parseSchema({
  type: 'record',
  name: 'OrderCompleted',
  namespace: 'shop',
  fields: [
    { name: 'messageId', type: 'string' },
    { name: 'userId', type: ['null', 'string'], default: null },
    {
      name: 'properties',
      type: {
        type: 'record',
        name: 'Properties',
        fields: [
          { name: 'order_id', type: 'string' },
          { name: 'total', type: 'double' },
          { name: 'coupon', type: ['null', 'string'] },
          { name: 'currency', type: { type: 'enum', name: 'Currency', symbols: ['EUR', 'USD'] }, default: 'EUR' },
          {
            name: 'products',
            type: { type: 'array', items: { type: 'map', values: ['null', 'long', 'string'] } },
            default: [],
          },
        ],
      },
    },
  ],
})
const ada = {
  messageId: 'order-1843',
  userId: 'ada',
  properties: {
    order_id: '1843',
    total: 129.9,
    coupon: null,
    currency: 'USD',
    products: [{ sku: 'A-1', quantity: 2 }],
  },
}
const problemOf = (run: () => unknown): AvroError => {
  try {
    run()
  } catch (thrown) {
    return thrown as AvroError
  }
  throw new Error('nothing was wrong')
}

describe('values of events in Avro', () => {
  const encode = makeEncoder(order)
  const decode = makeDecoder(order)

  test('an order comes back as it was, with its unions plain', () => {
    expect(decode(encode(ada))).toEqual(ada)
  })

  test('an order may have the values of its unions wrapped, as Avro-JSON and RudderStack have them', () => {
    const wrapped = {
      ...ada,
      userId: { string: 'ada' },
      properties: { ...ada.properties, products: [{ sku: { string: 'A-1' }, quantity: { long: 2 } }] },
    }
    expect(decode(encode(wrapped))).toEqual(ada)
    expect(makeDecoder(order, { unions: 'wrapped' })(encode(ada))).toEqual(wrapped)
    expect(decode(makeEncoder(order, { unions: 'wrapped' })(wrapped))).toEqual(ada)
  })

  test('fields that an order lacks take their default, else null where the schema takes it', () => {
    expect(decode(encode({ messageId: 'm-1', properties: { order_id: '1843', total: 1 } }))).toEqual({
      messageId: 'm-1',
      userId: null,
      properties: { order_id: '1843', total: 1, coupon: null, currency: 'EUR', products: [] },
    })
  })

  test.each<[string, unknown, string]>([
    [
      'a text for a number',
      { ...ada, properties: { ...ada.properties, total: '12,50' } },
      'properties.total: expected double, got "12,50" (schema /fields/2/type/fields/1/type)',
    ],
    [
      'nothing for a field without default',
      { ...ada, properties: { order_id: '1843' } },
      'properties.total: is missing: total is double, and has no default',
    ],
    ['null for a text', { ...ada, messageId: null }, 'messageId: expected string, got null'],
    [
      'a number for a text',
      { ...ada, properties: { ...ada.properties, order_id: 1843 } },
      'properties.order_id: expected string, got 1843',
    ],
    [
      'an unknown symbol',
      { ...ada, properties: { ...ada.properties, currency: 'GBP' } },
      'properties.currency: expected a symbol of shop.Currency (EUR, USD), got "GBP"',
    ],
    ['no branch that fits', { ...ada, userId: 7 }, 'userId: expected one of null, string, got 7'],
    [
      'a wrong value within a list',
      { ...ada, properties: { ...ada.properties, products: [{}, { 'unit price': true }] } },
      'properties.products[1]["unit price"]: expected one of null, long, string, got true',
    ],
    [
      'a text for a record',
      { ...ada, properties: 'none' },
      'properties: expected shop.Properties (a record), got "none"',
    ],
    [
      'a map for a list',
      { ...ada, properties: { ...ada.properties, products: {} } },
      'properties.products: expected an array, got an empty object',
    ],
    ['a list for the whole', [ada], 'expected shop.OrderCompleted (a record), got a list of 1'],
    ['a wrapped value of another type', { ...ada, userId: { string: 7 } }, 'userId: expected string, got 7'],
  ])('%s is an error that names the field', (_, value, problem) => {
    expect(problemOf(() => encode(value))).toMatchObject({
      code: 'avro_value_invalid',
      message: expect.stringContaining(problem) as string,
    })
  })

  test('an error has the path and the place in the schema as fields, and shows no more than a part of a value', () => {
    const error = problemOf(() => encode({ ...ada, properties: { ...ada.properties, total: 'x'.repeat(500) } }))
    expect(error).toMatchObject({ path: 'properties.total', schemaPath: '/fields/2/type/fields/1/type' })
    expect(error.message.length).toBeLessThan(160)
  })

  test('an encoder goes on after an error as if nothing had been', () => {
    const wanted = encode(ada)
    expect(() => encode({ ...ada, properties: null })).toThrow('properties')
    expect(encode(ada)).toEqual(wanted)
  })

  test('fields that the schema does not have are left out, or refused when that is asked for', () => {
    expect(decode(encode({ ...ada, channel: 'web' }))).toEqual(ada)
    const strict = makeEncoder(order, { extraFields: 'refuse' })
    expect(() => strict({ ...ada, channel: 'web' })).toThrow('channel: shop.OrderCompleted has no such field')
    expect(decode(strict(ada))).toEqual(ada)
  })

  test('values of unions must be wrapped where that is asked for', () => {
    const strict = makeEncoder(order, { unions: 'wrapped' })
    expect(() => strict(ada)).toThrow('userId: expected a value with the name of its branch')
  })
})

describe('numbers in Avro', () => {
  const long = parseSchema('"long"')

  test.each([
    ['7615917337495251231', 7615917337495251231n],
    ['-9223372036854775808', -(2n ** 63n)],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    [5n, 5],
    [9007199254740991, 9007199254740991],
    [-9007199254740991, -9007199254740991],
    ['9007199254740992', 9007199254740992n],
  ])('the long %s comes back with all its digits', (given, back) => {
    expect(makeDecoder(long)(makeEncoder(long)(given))).toBe(back)
    expect(makeDecoder(long, { bigLongs: 'text' })(makeEncoder(long)(given))).toBe(
      typeof back === 'bigint' ? String(back) : back,
    )
  })

  test('a long that has lost digits, is beyond 64 bits, or is text of a small number is refused', () => {
    const encode = makeEncoder(long)
    expect(() => encode(2 ** 53)).toThrow(
      'expected long, got 9007199254740992, which may have lost digits: give a bigint',
    )
    for (const value of [2n ** 63n, '9223372036854775808', '12', 1.5, '', true])
      expect(() => encode(value)).toThrow('expected long')
  })

  test('an int has 32 bits, and says so', () => {
    const encode = makeEncoder(parseSchema('"int"'))
    expect(() => encode(2 ** 31)).toThrow('expected int, got 2147483648, which has more than 32 bits')
    expect(() => encode(1.5)).toThrow('expected int, got 1.5')
  })

  test('a double takes what JSON cannot write, and a whole number that the edge kept as text', () => {
    const double = parseSchema('"double"')
    const back = (value: unknown) => makeDecoder(double)(makeEncoder(double)(value))
    expect([back('NaN'), back('-Infinity'), back('7615917337495251231'), back(-0)]).toEqual([
      Number.NaN,
      -Infinity,
      7615917337495251000,
      -0,
    ])
    expect(() => back('12.5')).toThrow('expected double, got "12.5"')
  })
})

describe('plain values of unions', () => {
  const branchOf = (union: unknown, value: unknown) => {
    const type = parseSchema(union)
    const back = makeDecoder(type, { unions: 'wrapped' })(makeEncoder(type)(value)) as Record<string, unknown> | null
    return back === null ? 'null' : Object.keys(back).join()
  }
  const person = {
    type: 'record',
    name: 'Person',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'email', type: ['null', 'string'] },
    ],
  }
  const firm = {
    type: 'record',
    name: 'Firm',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'vat', type: 'string', default: '' },
    ],
  }
  const plan = { type: 'enum', name: 'Plan', symbols: ['FREE', 'PRO'] }

  test.each<[string, unknown, unknown, string]>([
    ['a small number, to the first that holds it', ['int', 'long', 'double'], 5, 'int'],
    ['a large number, to the one that is wide enough', ['int', 'long', 'double'], 2 ** 40, 'long'],
    ['a fraction, to the one with a point', ['int', 'long', 'double'], 1.5, 'double'],
    ['a fraction that a float would round, to the double', ['float', 'double'], 0.1, 'double'],
    ['a symbol, to the enum that stands first', [plan, 'string'], 'PRO', 'Plan'],
    ['other text, to the string', [plan, 'string'], 'Ada', 'string'],
    ['digits that the edge kept, to the string', ['long', 'string'], '7615917337495251231', 'string'],
    [
      'digits that the edge kept, to the long where there is no string',
      ['null', 'long'],
      '7615917337495251231',
      'long',
    ],
    ['an object, to the record that has all its fields', [person, firm], { name: 'Ada', vat: 'DE1' }, 'Firm'],
    ['an object, to the record that it fills', [person, firm], { name: 'Ada', email: 'ada@example.com' }, 'Person'],
    [
      'an object with more fields, to a map that loses none',
      [person, { type: 'map', values: 'string' }],
      { name: 'Ada', city: 'London' },
      'map',
    ],
    [
      'a field that is named as a branch, where the value is none of it',
      ['null', 'string', { type: 'map', values: 'int' }],
      { string: 7 },
      'map',
    ],
    ['nothing, to null', [person, 'null'], undefined, 'null'],
    ['bytes, to bytes', ['string', 'bytes'], Uint8Array.from([255]), 'bytes'],
    [
      'a short name of a branch',
      ['null', { ...person, name: 'crm.Person' }],
      { Person: { name: 'Ada' } },
      'crm.Person',
    ],
  ])('the branch is found of %s', (_, union, value, branch) => {
    expect(branchOf(union, value)).toBe(branch)
  })

  test('an object that fits no record says which field is in the way where only one is meant', () => {
    const encode = makeEncoder(parseSchema(['null', { type: 'long', logicalType: 'timestamp-millis' }, person]))
    expect(() => encode({ name: 7 })).toThrow('name: expected string, got 7')
  })

  test('plain values of random schemas come back as they were, whatever their unions', () =>
    withSeed(
      (random) => {
        const { json, sample } = new SchemaGenerator(random, { hasBigLongs: true }).next()
        const type = parseSchema(json)
        const [encode, decode] = [makeEncoder(type, { unions: 'plain' }), makeDecoder(type)]
        for (let i = 0; i < 8; i++) {
          const { plain } = sample()
          expect(plainOf(decode(encode(plain)))).toEqual(plain)
        }
      },
      { runs: 150 },
    ))
})

describe('data read with another schema', () => {
  const read = (writer: unknown, reader: unknown, value: unknown) =>
    makeDecoder(parseSchema(writer), { reader: parseSchema(reader) })(makeEncoder(parseSchema(writer))(value))
  const type = (...fields: unknown[]) => ({ type: 'record', name: 'Order', fields })

  test('a whole number that is read as float is rounded as Java does', () => {
    expect(read('int', 'float', 16_777_217)).toBe(16_777_216)
    expect(read('long', 'double', 2n ** 60n)).toBe(2 ** 60)
  })

  test('text is read as bytes and bytes as text, and bytes that are no text are an error', () => {
    expect(read('string', 'bytes', 'Ada')).toEqual(Uint8Array.from([65, 100, 97]))
    expect(read('bytes', 'string', Uint8Array.from([0xef, 0xbb, 0xbf, 65]))).toBe('\u{FEFF}A')
    expect(() => read('bytes', 'string', Uint8Array.from([255]))).toThrow(
      'expected a string, got bytes that are no UTF-8',
    )
  })

  test('a symbol that the reader does not know is its default, else an error', () => {
    const plan = (symbols: string[], more = {}) => ({ type: 'enum', name: 'Plan', symbols, ...more })
    expect(read(plan(['FREE', 'TRIAL']), plan(['FREE'], { default: 'FREE' }), 'TRIAL')).toBe('FREE')
    expect(read(plan(['FREE', 'TRIAL']), plan(['FREE']), 'FREE')).toBe('FREE')
    expect(() => read(plan(['FREE', 'TRIAL']), plan(['FREE']), 'TRIAL')).toThrow('expected a symbol of Plan, got TRIAL')
  })

  test('a record and a field are found by their aliases', () => {
    const reader = {
      ...type({ name: 'total', aliases: ['price'], type: 'double' }),
      name: 'Purchase',
      aliases: ['Order'],
    }
    expect(read(type({ name: 'price', type: 'int' }), reader, { price: 3 })).toEqual({ total: 3 })
  })

  test('a branch of a union that cannot be read is an error only when it comes', () => {
    expect(read(['null', 'string', 'int'], ['null', 'string'], 'Ada')).toBe('Ada')
    expect(() => read(['null', 'string', 'int'], ['null', 'string'], 7)).toThrow('no branch of the union fits')
    expect(read(['null', 'long'], 'double', 7)).toBe(7)
  })

  test('the same union reads each branch as itself, also where an earlier one would do', () => {
    expect(read(['string', 'bytes'], ['bytes', 'string'], 'Ada')).toBe('Ada')
    expect(read(['int', 'double'], ['double', 'int'], 7)).toBe(7)
  })

  test('schemas that have nothing in common are refused before any data comes, with the place', () => {
    expect(() => read('string', 'int', 'Ada')).toThrow('schema: data of string cannot be read as int')
    expect(() => read(type(), { ...type(), name: 'Page' }, {})).toThrow(
      'data of record Order cannot be read as record Page: their names differ',
    )
    expect(() => read(type(), type({ name: 'total', type: 'int' }), {})).toThrow(
      'schema at /fields/0: the data has no field "total", and the field has no default',
    )
    expect(() => read(type({ name: 'a', type: 'string' }), type({ name: 'a', type: 'long' }), { a: '' })).toThrow(
      'schema at /fields/0/type: data of string cannot be read as long',
    )
    const millis = { type: 'long', logicalType: 'timestamp-millis' }
    expect(() => read(millis, { ...millis, logicalType: 'timestamp-micros' }, 1)).toThrow(
      'timestamp-millis is not timestamp-micros',
    )
  })

  test('each record that takes a default gets one of its own', () => {
    const decode = makeDecoder(parseSchema(type()), {
      reader: parseSchema(type({ name: 'tags', type: { type: 'array', items: 'string' }, default: ['new'] })),
    })
    const [first, second] = [decode(new Uint8Array()), decode(new Uint8Array())] as { tags: string[] }[]
    first?.tags.push('changed')
    expect(second).toEqual({ tags: ['new'] })
  })

  test('a list that holds itself is read with a later version of it', () => {
    const node = (...more: unknown[]) => ({
      type: 'record',
      name: 'Node',
      fields: [{ name: 'value', type: 'int' }, { name: 'next', type: ['null', 'Node'] }, ...more],
    })
    const value = { value: 1, next: { value: 2, next: null } }
    expect(read(node(), node({ name: 'tag', type: 'string', default: 'x' }), value)).toEqual({
      value: 1,
      next: { value: 2, next: null, tag: 'x' },
      tag: 'x',
    })
  })
})

import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { AvroError } from '../../src/avro/avro-error.ts'
import { makeDecoder, makeEncoder, makeSkipper } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { withSeed } from '../support/seed.ts'
import { SchemaGenerator } from './random-schema.ts'

const node = parseSchema({
  type: 'record',
  name: 'Node',
  fields: [{ name: 'children', type: { type: 'array', items: 'Node' } }],
})
const long = (value: bigint) => makeEncoder(parseSchema('"long"'))(value)

describe('hostile data', () => {
  test.each<[string, unknown, Uint8Array, string]>([
    ['a text of a terabyte', 'string', long(2n ** 40n), 'the data ends too early'],
    ['a text of less than nothing', 'string', long(-1n), 'expected a length, got -1'],
    ['bytes of 2^62', 'bytes', long(2n ** 62n), 'expected a length, got 4611686018427387904'],
    [
      'a list of a million longs in no byte',
      { type: 'array', items: 'long' },
      long(1_000_000n),
      'says that 1000000 items follow, and has 0 bytes',
    ],
    ['a list of 2^62', { type: 'array', items: 'null' }, long(2n ** 62n), 'items follow'],
    [
      'a million nothings',
      { type: 'array', items: 'null' },
      Buffer.concat([long(1_000_000n), long(0n)]),
      'more than 100000 items of no byte',
    ],
    ['a map of a million', { type: 'map', values: 'null' }, long(1_000_000n), 'says that 1000000 items follow'],
    ['a branch that is none', ['null', 'int'], long(7n), 'expected the number of one of 2 branches, got 7'],
    ['a branch below zero', ['null', 'int'], long(-1n), 'expected the number of one of 2 branches, got -1'],
    [
      'a symbol that is none',
      { type: 'enum', name: 'Plan', symbols: ['FREE'] },
      long(3n),
      'expected the number of one of 1 symbols, got 3',
    ],
    ['an int of 40 bits', 'int', long(2n ** 40n), 'which has more than 32 bits'],
    ['a varint without end', 'long', new Uint8Array(20).fill(0xff), 'more than 64 bits'],
    ['a varint that breaks off', 'long', Uint8Array.from([0x80]), 'the data ends too early'],
    ['half a double', 'double', new Uint8Array(5), 'ends too early: 8 more bytes are needed at byte 0 of 5'],
    ['a boolean of 2', 'boolean', Uint8Array.from([2]), 'expected a boolean, got the byte 2'],
    ['text that is no UTF-8', 'string', Uint8Array.from([4, 0xc3, 0x28]), 'no UTF-8'],
    ['bytes behind the value', 'null', Uint8Array.from([1, 2, 3]), 'the data has 3 bytes more than its schema'],
  ])('hostile data with %s is an error', (_, schema, bytes, problem) => {
    expect(() => makeDecoder(parseSchema(schema))(bytes)).toThrow(problem)
  })

  test('records that are nested without end are an error, in reading, passing over and writing', () => {
    const bytes = new Uint8Array(100_000).fill(2)
    expect(() => makeDecoder(node)(bytes)).toThrow('nested more than 100 levels deep')
    expect(() => makeSkipper(node)(bytes)).toThrow('nested more than 100 levels deep')
    const self: { children: unknown[] } = { children: [] }
    self.children.push(self)
    expect(() => makeEncoder(node)(self)).toThrow('nested more than 100 levels deep')
  })

  test('an error of data names the field that it stands in', () => {
    const order = parseSchema({
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'items', type: { type: 'array', items: 'double' } },
      ],
    })
    const bytes = makeEncoder(order)({ id: '1843', items: [1, 2, 3] })
    expect(() => makeDecoder(order)(bytes.subarray(0, 20))).toThrow(
      'items[0]: the data says that 3 items follow, and has 14 bytes',
    )
    expect(() => makeDecoder(order)(Uint8Array.from([...bytes.subarray(0, 5), 1, 40, ...new Uint8Array(10)]))).toThrow(
      'items',
    )
  })

  test('lists that are nothing in lists cannot take more memory than the data has bytes, many times over', () => {
    const lists = parseSchema({ type: 'array', items: { type: 'array', items: 'null' } })
    const many = Buffer.concat([
      long(1_000n),
      ...Array.from({ length: 1_000 }, () => Buffer.concat([long(90_000n), long(0n)])),
      long(0n),
    ])
    expect(() => makeDecoder(lists)(many)).toThrow('more than 100000 items of no byte')
  })

  test('names of JavaScript in data and events are names as any other', () => {
    const type = parseSchema({
      type: 'record',
      name: 'Odd',
      fields: [
        { name: '__proto__', type: 'string' },
        { name: 'constructor', type: 'string', default: 'none' },
        { name: 'toString', type: ['null', 'string'] },
      ],
    })
    const map = parseSchema({ type: 'map', values: 'string' })
    const odd = JSON.parse('{"__proto__":"Ada"}') as object
    const read = makeDecoder(type)(makeEncoder(type)(odd))
    expect(JSON.stringify(read)).toBe('{"__proto__":"Ada","constructor":"none","toString":null}')
    const later = makeDecoder(type, { reader: type })(makeEncoder(type)(odd))
    expect(JSON.stringify(later)).toBe(JSON.stringify(read))
    expect(JSON.stringify(makeDecoder(map)(makeEncoder(map)(odd)))).toBe('{"__proto__":"Ada"}')
  })

  test('a value that could be of many branches on each of many levels is given up soon', () => {
    const branch = (name: string, ...more: unknown[]) => ({
      type: 'record',
      name,
      fields: [{ name: 'child', type: ['null', 'A', 'B'] }, ...more],
    })
    const a = {
      type: 'record',
      name: 'A',
      fields: [{ name: 'child', type: ['null', 'A', branch('B', { name: 'must', type: 'int', default: 1 })] }],
    }
    let value: unknown = { child: 'neither' }
    for (let i = 0; i < 60; i++) value = { child: value }
    const started = performance.now()
    expect(() => makeEncoder(parseSchema(a))(value)).toThrow(AvroError)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('damaged bytes of random schemas are read or refused, and nothing else happens', () =>
    withSeed(
      (random) => {
        const { json, sample } = new SchemaGenerator(random).next()
        const type = parseSchema(json)
        const [encode, decode, skip] = [makeEncoder(type), makeDecoder(type, { reader: type }), makeSkipper(type)]
        for (let i = 0; i < 20; i++) {
          const bytes = encode(sample().wrapped).slice(0, random.chance(0.3) ? random.whole(0, 40) : undefined)
          for (let n = random.whole(1, 4); n > 0 && bytes.length > 0; n--)
            bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255)
          for (const run of [decode, skip])
            try {
              run(bytes)
            } catch (error) {
              expect(error).toBeInstanceOf(AvroError)
            }
        }
      },
      { runs: 100 },
    ))
})

import { describe, expect, test } from 'vitest'
import { canonicalForm, fingerprintOf } from '../../src/avro/canonical.ts'
import { makeEncoder } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { namedTypesOf } from '../../src/avro/schema.ts'

const record = (...fields: unknown[]) => ({ type: 'record', name: 'Order', namespace: 'shop', fields })

describe('schemas of Avro that are wrong', () => {
  test.each([
    ['no JSON', '{"type":', 'schema: is no JSON'],
    ['a number', 7, 'schema: must be a name, a list, or an object'],
    [
      'an unknown type',
      record({ name: 'total', type: 'dobule' }),
      'schema at /fields/0/type: there is no type "shop.dobule"',
    ],
    ['a complex type by its name', { type: 'array', items: 'record' }, '"record" needs an object of its own'],
    ['an array without items', { type: 'array' }, 'schema: is an array without "items"'],
    ['a map without values', { type: 'map' }, 'schema: is a map without "values"'],
    ['no type', { name: 'Order' }, 'schema: has no "type"'],
    ['a record without fields', { type: 'record', name: 'Order' }, 'schema: is a record without a list of "fields"'],
    ['a record without a name', { type: 'record', fields: [] }, 'schema: "name" must be letters'],
    [
      'a name that is none',
      { type: 'fixed', name: 'my-id', size: 2 },
      '"name" must be letters, digits and "_", not "my-id"',
    ],
    ['a primitive as name', { type: 'fixed', name: 'string', size: 2 }, 'cannot have the name "string"'],
    ['a field without a type', record({ name: 'total' }), 'schema at /fields/0: the field "total" has no "type"'],
    ['a field name that is none', record({ name: 'order id', type: 'int' }), 'schema at /fields/0: "name" must be'],
    [
      'two fields of a name',
      record({ name: 'a', type: 'int' }, { name: 'a', type: 'int' }),
      'schema at /fields/1: "a" is the second',
    ],
    [
      'a type defined twice',
      [
        { type: 'fixed', name: 'Id', size: 2 },
        { type: 'array', items: { type: 'fixed', name: 'Id', size: 3 } },
      ],
      'schema at /1/items: "Id" is defined twice',
    ],
    ['an enum without symbols', { type: 'enum', name: 'Plan' }, 'schema: is an enum without a list of "symbols"'],
    ['a symbol twice', { type: 'enum', name: 'Plan', symbols: ['FREE', 'FREE'] }, 'has the symbol "FREE" twice'],
    [
      'a symbol that is no name',
      { type: 'enum', name: 'Plan', symbols: ['very free'] },
      'the symbol "very free" is no name',
    ],
    [
      'an enum default that is no symbol',
      { type: 'enum', name: 'Plan', symbols: ['FREE'], default: 'PRO' },
      '"default" must be one of its symbols, not "PRO"',
    ],
    ['a fixed without size', { type: 'fixed', name: 'Id' }, '"size" of a fixed must be a whole number of bytes'],
    ['an empty union', [], 'schema: is a union without a branch'],
    ['a union in a union', ['null', ['int', 'string']], 'schema: is a union directly within a union'],
    ['a branch twice', ['null', 'string', { type: 'string' }], 'schema: has two branches "string"'],
  ])('a schema with %s is refused with the place', (_, schema, problem) => {
    expect(() => parseSchema(schema)).toThrow(problem)
    expect(() => parseSchema(schema)).toThrow(expect.objectContaining({ code: 'avro_schema_invalid' }))
  })

  test('a schema of a thousand levels is refused instead of using up the stack', () => {
    let schema: unknown = 'int'
    for (let i = 0; i < 1_000; i++) schema = { type: 'array', items: schema }
    expect(() => parseSchema(schema)).toThrow('nested more than 100 levels deep')
  })

  test('a default that does not fit its type is told when an encoder is made, with the place', () => {
    const type = parseSchema(record({ name: 'total', type: 'double', default: 'free' }))
    expect(() => makeEncoder(type)).toThrow(
      'schema at /fields/0/default: the default does not fit: expected double, got "free"',
    )
  })
})

describe('names in schemas of Avro', () => {
  test('a type is found by its short name within its namespace, and by its full name elsewhere', () => {
    const type = parseSchema([
      {
        type: 'record',
        name: 'shop.Order',
        fields: [
          { name: 'id', type: { type: 'fixed', name: 'Id', size: 2 } },
          { name: 'old', type: ['null', 'Id'] },
        ],
      },
      { type: 'array', items: 'shop.Id' },
    ])
    expect([...namedTypesOf(type).keys()]).toEqual(['shop.Order', 'shop.Id'])
    expect(canonicalForm(type)).toContain('{"name":"old","type":["null","shop.Id"]}')
  })

  test('a namespace in the name counts more than the one beside it, and an empty one is none', () => {
    const names = (schema: unknown) => [...namedTypesOf(parseSchema(schema)).keys()]
    expect(names({ type: 'fixed', name: 'a.b.Id', namespace: 'x', size: 1 })).toEqual(['a.b.Id'])
    const inner = { type: 'fixed', name: 'Id', namespace: '', size: 1 }
    expect(names({ type: 'record', name: 'shop.Order', fields: [{ name: 'id', type: inner }] })).toEqual([
      'shop.Order',
      'Id',
    ])
  })

  test('a schema may refer to types of another one, as references of a registry do', () => {
    const user = parseSchema({ type: 'record', name: 'lab.U', fields: [{ name: 'id', type: 'string' }] })
    const type = parseSchema('{"type":"record","name":"R","fields":[{"name":"u","type":"lab.U"}]}', namedTypesOf(user))
    expect([...makeEncoder(type)({ u: { id: 'ada' } })]).toEqual([6, 97, 100, 97])
    expect(() => parseSchema('{"type":"record","name":"R","fields":[{"name":"u","type":"lab.U"}]}')).toThrow(
      'there is no type "lab.U"',
    )
  })
})

describe('fingerprints of schemas', () => {
  // The first rows of the file that Avro's own implementations share (share/test/data/schema-tests.txt).
  test.each([
    ['"null"', '"null"', 7195948357588979594n],
    ['{"type":"boolean"}', '"boolean"', -6970731678124411036n],
    ['"int"', '"int"', 8247732601305521295n],
    ['"long"', '"long"', -3434872931120570953n],
    ['"float"', '"float"', 5583340709985441680n],
    ['"double"', '"double"', -8181574048448539266n],
    ['"bytes"', '"bytes"', 5746618253357095269n],
    ['"string"', '"string"', -8142146995180207161n],
    [
      '{"fields":[], "type":"record", "name":"foo"}',
      '{"name":"foo","type":"record","fields":[]}',
      -4824392279771201922n,
    ],
    ['[ "int"  ]', '["int"]', -5232228896498058493n],
  ])('the fingerprint of the schema %s is the one that Avro gives', (schema, canonical, fingerprint) => {
    const type = parseSchema(schema)
    expect(canonicalForm(type)).toBe(canonical)
    expect(BigInt.asIntN(64, BigInt(`0x${fingerprintOf(type, 'rabin')}`))).toBe(fingerprint)
  })

  test('the SHA-256 fingerprint of a schema is the hash of its canonical form', () => {
    const spaced = parseSchema('{ "type" : "string" , "doc" : "a name" }')
    expect(fingerprintOf(spaced, 'sha256')).toBe('e9e5c1c9e4f6277339d1bcde0733a59bd42f8731f449da6dc13010a916930d48')
  })
})

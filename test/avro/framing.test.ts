import { describe, expect, test } from 'vitest'
import { makeDecoder, makeEncoder } from '../../src/avro/codec.ts'
import { frameOf, readFrame } from '../../src/avro/framing.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'

const guid = '89791762-2336-48df-b6a7-ab6a1b6ef6a4'
const guidFrame = Uint8Array.from([
  1,
  ...(guid.replaceAll('-', '').match(/../g) ?? []).map((hex) => Number.parseInt(hex, 16)),
])

describe('frames of schema ids', () => {
  test('frames of schema ids stand before the data, as Confluent writes them', () => {
    const encode = makeEncoder(parseSchema('"string"'))
    expect([...encode('Ada', frameOf(258))]).toEqual([0, 0, 0, 1, 2, 6, 65, 100, 97])
  })

  test('frames of schema ids are read back, and the data behind them', () => {
    const { schema, payload } = readFrame(Uint8Array.from([0, 0, 0, 1, 2, 6, 65, 100, 97]))
    expect(schema).toEqual({ kind: 'id', id: 258 })
    expect(makeDecoder(parseSchema('"string"'))(payload)).toBe('Ada')
  })

  test('frames of schema ids may hold a GUID, as newer serializers write it', () => {
    expect(readFrame(Uint8Array.from([...guidFrame, 6, 65, 100, 97]))).toEqual({
      schema: { kind: 'guid', guid },
      payload: Uint8Array.from([6, 65, 100, 97]),
    })
  })

  test('frames of schema ids may stand in a header, and the data has none then', () => {
    const data = Uint8Array.from([6, 65, 100, 97])
    expect(readFrame(data, frameOf(7))).toEqual({ schema: { kind: 'id', id: 7 }, payload: data })
    expect(readFrame(data, guidFrame)).toEqual({ schema: { kind: 'guid', guid }, payload: data })
    expect(readFrame(Uint8Array.from([...frameOf(7), 2]), null).schema).toEqual({ kind: 'id', id: 7 })
  })

  test.each([
    ['nothing', [], 'the data is empty'],
    ['JSON', [...Buffer.from('{"id":1}')], 'begins with the byte 123'],
    ['half an id', [0, 0, 1], 'ends within the id'],
    ['half a GUID', [1, 2, 3, 4, 5, 6, 7], 'ends within the id'],
    ['a negative id', [0, 255, 255, 255, 255, 2], 'names the schema -1'],
  ])('data that begins with %s instead of a frame is an error that says so', (_, bytes, problem) => {
    expect(() => readFrame(Uint8Array.from(bytes))).toThrow(problem)
  })

  test('an id that is no whole number of 32 bits gives no frame', () => {
    for (const id of [-1, 1.5, 2 ** 31, Number.NaN])
      expect(() => frameOf(id)).toThrow('must be a whole number of 32 bits')
  })
})

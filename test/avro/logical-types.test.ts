import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { makeDecoder, makeEncoder } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { withSeed } from '../support/seed.ts'
import { avscType } from './avsc.ts'

const fixed = (size: number) => ({ type: 'fixed', name: 'F', size })
const logical = (type: unknown, logicalType: string, more = {}) =>
  typeof type === 'string' ? { type, logicalType, ...more } : { ...(type as object), logicalType, ...more }
const money = logical('bytes', 'decimal', { precision: 10, scale: 2 })
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const moment = Date.parse('2026-11-28T17:45:30.123Z')

describe('logical types', () => {
  // [schema, what is given, what is written beneath, what is read]
  test.each<[string, unknown, unknown, unknown, unknown]>([
    ['a decimal of a number', money, 12.5, Buffer.from([0x04, 0xe2]), '12.50'],
    ['a decimal of text', money, '-0.01', Buffer.from([0xff]), '-0.01'],
    ['a decimal of zero', money, 0, Buffer.from([0]), '0.00'],
    ['a decimal with a sign bit', money, '1.28', Buffer.from([0x00, 0x80]), '1.28'],
    [
      'a decimal of a large number',
      logical('bytes', 'decimal', { precision: 30 }),
      10n ** 20n,
      Buffer.from('056bc75e2d63100000', 'hex'),
      '100000000000000000000',
    ],
    [
      'a decimal of a fixed',
      logical(fixed(4), 'decimal', { precision: 6, scale: 3 }),
      '-1.5',
      Buffer.from('fffffa24', 'hex'),
      '-1.500',
    ],
    ['a date of text', logical('int', 'date'), '2026-11-28', 20_785, '2026-11-28'],
    ['a date before 1970', logical('int', 'date'), '1969-12-31', -1, '1969-12-31'],
    ['a date of a number', logical('int', 'date'), 0, 0, '1970-01-01'],
    ['a time of day in milliseconds', logical('int', 'time-millis'), '17:45:30.5', 63_930_500, '17:45:30.500'],
    ['a time of day in microseconds', logical('long', 'time-micros'), '00:00:01', 1_000_000, '00:00:01.000000'],
    [
      'a timestamp of RFC 3339',
      logical('long', 'timestamp-millis'),
      '2026-11-28T18:45:30.123+01:00',
      moment,
      '2026-11-28T17:45:30.123Z',
    ],
    [
      'a timestamp of a Date',
      logical('long', 'timestamp-millis'),
      new Date(moment),
      moment,
      '2026-11-28T17:45:30.123Z',
    ],
    ['a timestamp of a number', logical('long', 'timestamp-millis'), -1, -1, '1969-12-31T23:59:59.999Z'],
    [
      'a timestamp in microseconds',
      logical('long', 'timestamp-micros'),
      '2026-11-28T17:45:30.123456Z',
      moment * 1000 + 456,
      '2026-11-28T17:45:30.123456Z',
    ],
    [
      'a local timestamp',
      logical('long', 'local-timestamp-millis'),
      '2026-11-28T17:45:30.123',
      moment,
      '2026-11-28T17:45:30.123',
    ],
    [
      'a local timestamp in microseconds',
      logical('long', 'local-timestamp-micros'),
      '2026-11-28 17:45:30',
      Math.floor(moment / 1000) * 1_000_000,
      '2026-11-28T17:45:30.000000',
    ],
    [
      'a uuid of text',
      logical('string', 'uuid'),
      '89791762-2336-48df-b6a7-ab6a1b6ef6a4',
      '89791762-2336-48df-b6a7-ab6a1b6ef6a4',
      '89791762-2336-48df-b6a7-ab6a1b6ef6a4',
    ],
    [
      'a uuid of a fixed',
      logical(fixed(16), 'uuid'),
      '89791762-2336-48df-b6a7-ab6a1b6ef6a4',
      Buffer.from('89791762233648dfb6a7ab6a1b6ef6a4', 'hex'),
      '89791762-2336-48df-b6a7-ab6a1b6ef6a4',
    ],
    [
      'a duration',
      logical(fixed(12), 'duration'),
      { months: 1, days: 2, milliseconds: 4_294_967_295 },
      Buffer.from('0100000002000000ffffffff', 'hex'),
      { months: 1, days: 2, milliseconds: 4_294_967_295 },
    ],
  ])('%s is written as avsc writes the type beneath it, and read back', (_, schema, given, beneath, back) => {
    const type = parseSchema(schema)
    const bytes = makeEncoder(type)(given)
    expect(hexOf(bytes)).toBe(avscType(schema, 'plain').toBuffer(beneath).toString('hex'))
    expect(makeDecoder(type)(bytes)).toEqual(back)
    // Where logical types are off, what is beneath is given and read.
    const raw = makeDecoder(type, { logicalTypes: false })(bytes)
    expect(raw instanceof Uint8Array ? hexOf(raw) : raw).toEqual(
      beneath instanceof Uint8Array ? hexOf(beneath) : beneath,
    )
    expect(hexOf(makeEncoder(type, { logicalTypes: false })(raw))).toBe(hexOf(bytes))
  })

  test('a timestamp in nanoseconds keeps all its digits', () => {
    const type = parseSchema(logical('long', 'timestamp-nanos'))
    const bytes = makeEncoder(type)('2026-11-28T17:45:30.123456789Z')
    expect(makeDecoder(type, { logicalTypes: false })(bytes)).toBe(BigInt(moment) * 1_000_000n + 456_789n)
    expect(makeDecoder(type)(bytes)).toBe('2026-11-28T17:45:30.123456789Z')
  })

  test('a big decimal brings its own scale', () => {
    const type = parseSchema(logical('bytes', 'big-decimal'))
    expect(hexOf(makeEncoder(type)('12.50'))).toBe('080404e204')
    expect(makeDecoder(type)(makeEncoder(type)('-0.000000012345678901234567890'))).toBe(
      '-0.000000012345678901234567890',
    )
    const hostile = makeEncoder(parseSchema('"bytes"'))(Uint8Array.from([2, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]))
    expect(makeDecoder(type)(hostile)).toBeInstanceOf(Uint8Array)
  })

  test.each<[string, unknown, unknown, string]>([
    [
      'digits behind the point that a decimal does not have',
      money,
      '12.505',
      'expected decimal of at most 10 digits, 2 of them behind the point, got "12.505"',
    ],
    ['more digits than the precision of a decimal', money, 123456789, 'expected decimal of at most 10 digits'],
    ['a text that is no decimal', money, '12,50', 'got "12,50"'],
    ['an exponent that would take all memory', money, '1e9999', 'expected decimal'],
    ['February 30', logical('int', 'date'), '2026-02-30', 'expected date, got "2026-02-30"'],
    ['a time as date', logical('int', 'date'), '2026-11-28T00:00:00Z', 'expected date'],
    ['hour 24', logical('int', 'time-millis'), '24:00:00', 'expected time-millis, got "24:00:00"'],
    [
      'a timestamp without zone',
      logical('long', 'timestamp-millis'),
      '2026-11-28T17:45:30',
      'expected timestamp-millis (a time of RFC 3339, or a number)',
    ],
    [
      'a local timestamp with a zone',
      logical('long', 'local-timestamp-millis'),
      '2026-11-28T17:45:30Z',
      'expected local-timestamp-millis (a time without zone',
    ],
    ['a text that is no uuid', logical('string', 'uuid'), 'order-1843', 'expected uuid, got "order-1843"'],
    ['a duration below zero', logical(fixed(12), 'duration'), { days: -1 }, 'expected duration'],
  ])('%s is refused with the name of the logical type', (_, schema, value, problem) => {
    expect(() => makeEncoder(parseSchema(schema))(value)).toThrow(problem)
  })

  test.each([
    ['an unknown one', logical('string', 'email')],
    ['one on the wrong type', logical('string', 'date')],
    ['a decimal without precision', logical('bytes', 'decimal')],
    ['a decimal with more scale than precision', logical('bytes', 'decimal', { precision: 2, scale: 3 })],
    ['a decimal that its fixed does not hold', logical(fixed(2), 'decimal', { precision: 5 })],
    ['a duration of 11 bytes', logical(fixed(11), 'duration')],
  ])('%s is ignored, as the specification asks', (_, schema) => {
    const type = parseSchema(schema)
    expect('logical' in type).toBe(false)
  })

  test('an event picks the string of a union before the timestamp, and the timestamp where there is no string', () => {
    const stamp = logical('long', 'timestamp-millis')
    const at = '2026-11-28T17:45:30.123Z'
    const branch = (union: unknown) =>
      makeDecoder(parseSchema(union), { unions: 'wrapped' })(makeEncoder(parseSchema(union))(at))
    expect(branch(['null', stamp, 'string'])).toEqual({ string: at })
    expect(branch(['null', stamp])).toEqual({ long: at })
    expect(branch(['null', 'string', logical('bytes', 'decimal', { precision: 4 })])).toEqual({ string: at })
  })

  test('a default of a logical type is in the form beneath, as the specification asks', () => {
    const type = parseSchema({
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'total', type: money, default: '\u0004\u00e2' },
        { name: 'day', type: logical('int', 'date'), default: 20_785 },
      ],
    })
    expect(makeDecoder(type)(makeEncoder(type)({}))).toEqual({ total: '12.50', day: '2026-11-28' })
  })

  test('random decimals and times are the same number of bytes and digits after a round', () =>
    withSeed((random) => {
      const decimal = parseSchema(logical('bytes', 'decimal', { precision: 40, scale: 12 }))
      const micros = parseSchema(logical('long', 'timestamp-micros'))
      for (let i = 0; i < 300; i++) {
        const unscaled = BigInt.asIntN(random.whole(1, 120), BigInt(`0x${random.hex(30)}`))
        const bytes = makeEncoder(decimal)(makeDecoder(decimal)(Uint8Array.from([34, ...bytesOf(unscaled)])))
        expect(makeDecoder(decimal, { logicalTypes: false })(bytes)).toEqual(
          Uint8Array.from(shortest(bytesOf(unscaled))),
        )
        const time = random.whole(-62_000_000_000, 250_000_000_000) * 1_000_000 + random.whole(0, 999_999)
        const text = makeDecoder(micros)(makeEncoder(micros)(BigInt(time)))
        expect(Number(makeDecoder(micros, { logicalTypes: false })(makeEncoder(micros)(text)))).toBe(time)
      }
    }))
})

/** Seventeen bytes of two's complement, the highest first. */
const bytesOf = (value: bigint): number[] =>
  Array.from({ length: 17 }, (_, i) => Number((value >> BigInt(8 * (16 - i))) & 255n))

function shortest(bytes: readonly number[]): number[] {
  const rest = [...bytes]
  while (rest.length > 1 && ((rest[0] === 0 && (rest[1] ?? 0) < 128) || (rest[0] === 255 && (rest[1] ?? 0) >= 128)))
    rest.shift()
  return rest
}

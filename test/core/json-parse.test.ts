import { describe, expect, test } from 'vitest'
import { parseJsonKeepingDigits } from '../../src/core/json-parse.ts'

test.each([
  ['{"order_id":820982911946154508}', { order_id: '820982911946154508' }],
  ['[7615917337495251231,-7615917337495251231]', ['7615917337495251231', '-7615917337495251231']],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', '9007199254740992'],
  ['-9007199254740993', '-9007199254740993'],
  ['{"price":1e400,"loss":-1E+400}', { price: '1e400', loss: '-1E+400' }],
  ['[1e22, 1e-400, 1.5e3]', [1e22, 0, 1500]],
  ['0.1234567890123456789', 0.12345678901234568],
  ['12345678901234567.5', 12345678901234568],
  ['{"9007199254740993":"9007199254740993"}', { '9007199254740993': '9007199254740993' }],
  [String.raw`{"a\"9007199254740993,\\":9007199254740993}`, { 'a"9007199254740993,\\': '9007199254740993' }],
  [` \n[ 9007199254740993 , {"é": 9007199254740993 } ]\t`, ['9007199254740993', { é: '9007199254740993' }]],
])('a number that JavaScript would round keeps its digits: %s', (text, value) => {
  expect(parseJsonKeepingDigits(text)).toEqual(value)
})

test('minus zero stays what JSON.parse makes of it', () => {
  expect(Object.is(parseJsonKeepingDigits('[-0,9007199254740993]'), undefined)).toBe(false)
  expect(Object.is((parseJsonKeepingDigits('[-0,9007199254740993]') as unknown[])[0], -0)).toBe(true)
})

describe('a text that is no JSON', () => {
  test.each([
    '{9007199254740993:1}',
    '[1e400:1]',
    '[01234567890123456789]',
    '[-9007199254740993-]',
    '[9007199254740993.]',
    '[9007199254740993 9007199254740993]',
    '"9007199254740993',
    '9007199254740993"',
    String.raw`["\9007199254740993"]`,
    '[+9007199254740993]',
  ])('%s is refused as by JSON.parse', (text) => {
    expect(() => parseJsonKeepingDigits(text)).toThrow(SyntaxError)
    expect(() => {
      JSON.parse(text)
    }).toThrow(SyntaxError)
  })
})

test('a __proto__ in the text stays a key and sets no prototype', () => {
  const value = parseJsonKeepingDigits('{"__proto__":{"polluted":9007199254740993}}') as object
  expect(Object.keys(value)).toEqual(['__proto__'])
  expect('polluted' in value).toBe(false)
})

test('whatever JSON.stringify writes is read as JSON.parse reads it when no integer is large', () => {
  const value = { a: [1, -2.5, 'x"\\', null, true, { b: 'é👍', '': [] }], t: '1234567890123456' }
  expect(parseJsonKeepingDigits(JSON.stringify(value))).toEqual(value)
})

const size = 4_000_000
const fill = (part: string) => part.repeat(Math.ceil(size / part.length))

test.each([
  ['quotes', `9007199254740993${fill('"')}`],
  ['escaped quotes', `["${fill(String.raw`\"`)}",9007199254740993]`],
  ['backslashes', `["${fill('\\\\')}",9007199254740993]`],
  ['an open string of backslashes', `9007199254740993"${fill('\\"\\')}`],
  ['digits', fill('1')],
  ['fractions', `[${fill('1.1e1.')}`],
  ['minus signs', `9007199254740993${fill('-')}`],
  ['large numbers', `[${fill('1e400,')}1]`],
  ['brackets', `9007199254740993${fill('[')}`],
])('4 MB of %s take less than two seconds', (_, text) => {
  const start = performance.now()
  try {
    parseJsonKeepingDigits(text)
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError)
  }
  expect(performance.now() - start).toBeLessThan(2_000)
})

import { expect, test } from 'vitest'
import { anonymizeIp } from '../../src/enrichment/address.ts'

test.each<[string, string | undefined]>([
  ['203.0.113.9', '203.0.113.0'],
  [' 203.0.113.255\n', '203.0.113.0'],
  ['::ffff:203.0.113.9', '::ffff:203.0.113.0'],
  ['2001:db8:85a3:8d3:1319:8a2e:370:7348', '2001:db8:85a3::'],
  ['2001:0DB8:0000:0042::1', '2001:db8::'],
  ['2001:db8::42', '2001:db8::'],
  ['2001:db8:1::', '2001:db8:1::'],
  ['fe80::1%eth0', 'fe80::'],
  ['::1', '::'],
  ['::', '::'],
  ['::ffff:1.2.3', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1::2::3', undefined],
  ['2001:db8::g', undefined],
  ['203.0.113.9:443', undefined],
  ['198.51.100.4, 10.0.0.1', undefined],
  ['localhost', undefined],
  ['', undefined],
])('the address %j becomes %j when it is truncated', (address, expected) => {
  expect(anonymizeIp(address, 'truncate')).toBe(expected)
  // What was truncated once stays as it is when it is accepted again.
  if (expected !== undefined) expect(anonymizeIp(expected, 'truncate')).toBe(expected)
})

test('an address is kept as it is, or dropped whatever it is', () => {
  expect(anonymizeIp(' ::1 ', 'keep')).toBe(' ::1 ')
  expect(anonymizeIp('203.0.113.9', 'drop')).toBeUndefined()
})

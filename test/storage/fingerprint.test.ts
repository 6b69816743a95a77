import { expect, test } from 'vitest'
import { fingerprint, fingerprintOf } from '../../src/storage/fingerprint.ts'

test('a fingerprint is the same for the same source and messageId, always: it is stored', () => {
  expect([...fingerprintOf('shop', 'order-1')]).toEqual([47639183, 2320611567])
  expect([...fingerprintOf('', '')]).toEqual([645844493, 934261993])
  expect([...fingerprintOf('shop', 'Bestellung ü')]).toEqual([1929494313, 3918999935])
})

test('a fingerprint tells apart where the source ends and the messageId begins', () => {
  const all = [
    ['shop', 'order-1'],
    ['shopo', 'rder-1'],
    ['', 'shoporder-1'],
    ['order-1', 'shop'],
  ].map(([source = '', id = '']) => String(fingerprintOf(source, id)))
  expect(new Set(all).size).toBe(all.length)
})

test('fingerprints of 200,000 similar ids are all different', () => {
  const all = new Set<bigint>()
  const out = new Uint32Array(2)
  for (let i = 0; i < 200_000; i++) {
    fingerprint('shop', `order-${i}`, out, 0)
    all.add((BigInt(out[0] as number) << 32n) | BigInt(out[1] as number))
  }
  expect(all.size).toBe(200_000)
})

test('a fingerprint is written where it is told, and nowhere else', () => {
  const out = new Uint32Array([7, 7, 7, 7, 7])
  fingerprint('shop', 'order-1', out, 2)
  expect([out[0], out[1], out[4]]).toEqual([7, 7, 7])
  expect(out.slice(2, 4)).toEqual(fingerprintOf('shop', 'order-1'))
})

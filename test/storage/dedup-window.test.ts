import { expect, test } from 'vitest'
import { DedupWindow } from '../../src/storage/dedup-window.ts'

test('a fingerprint is new once within the dedup window', () => {
  const window = new DedupWindow(1000, 0)
  expect([window.add(1, 2, 0), window.add(1, 2, 1), window.add(2, 1, 1), window.add(1, 3, 1)]).toEqual([
    true,
    false,
    true,
    true,
  ])
})

test('a fingerprint is remembered for at least one window and at most two, whenever it came', () => {
  for (let at = 0; at < 3000; at += 100) {
    const window = new DedupWindow(1000, 0)
    // Something comes all the time, so that generations turn.
    for (let now = 0; now < at; now += 50) window.add(now, 9, now)
    window.add(7, 7, at)
    for (let now = at; now < at + 1000; now += 50) window.add(now, 5, now)
    expect(window.add(7, 7, at + 999), `came at ${at}`).toBe(false)
    const later = new DedupWindow(1000, 0)
    later.add(7, 7, at)
    for (let now = at; now < at + 2000; now += 50) later.add(now, 5, now)
    expect(later.add(7, 7, at + 2000), `came at ${at}`).toBe(true)
  }
})

test('a fingerprint is forgotten after a long silence', () => {
  const window = new DedupWindow(1000, 0)
  window.add(7, 7, 500)
  expect(window.add(7, 7, 60_000)).toBe(true)
})

test('the all-zero fingerprint is remembered like any other', () => {
  const window = new DedupWindow(1000, 0)
  expect([window.add(0, 0, 0), window.add(0, 0, 0)]).toEqual([true, false])
})

test('a hundred thousand fingerprints, with halves of all sizes, are told apart', () => {
  const window = new DedupWindow(1000, 0)
  const print = (i: number): [number, number] => [Math.imul(i, 2654435761) >>> 0, i % 3]
  const newOnes = () => Array.from({ length: 100_000 }, (_, i) => window.add(...print(i), 0)).filter(Boolean).length
  expect([newOnes(), newOnes()]).toEqual([100_000, 0])
})

test('a dedup window above its capacity remembers at least the newest so many', () => {
  const window = new DedupWindow(1_000_000, 0, 1000)
  for (let i = 0; i < 10_000; i++) window.add(i, 1, 0)
  for (let i = 9000; i < 10_000; i++) expect(window.add(i, 1, 0)).toBe(false)
  expect(window.add(0, 1, 0)).toBe(true)
})

import { expect, test } from 'vitest'
import { bucketOf, countsOfStep, quantileMs, TransformSums } from '../../src/core/transform-counts.ts'

const step = (ms: number, more = {}) => ({ transform: 'drop-bots', in: 10, out: 8, dropped: 1, errors: 1, ms, ...more })
const histogramOf = (times: readonly number[]) => {
  const sums = new TransformSums(times.map((ms) => countsOfStep(step(ms))))
  return sums.all()[0]?.ms ?? {}
}

test('quantiles of a histogram are at most 9 % off, from a tenth of a millisecond to a minute', () => {
  for (let ms = 0.11; ms < 60_000; ms *= 1.37) {
    const read = quantileMs(histogramOf([ms]), 0.5)
    expect([ms, Math.abs(read / ms - 1) < 0.1]).toEqual([ms, true])
  }
})

test('the median and the 99th percentile are told apart, and do not depend on the order', () => {
  const times = Array.from({ length: 1_000 }, (_, i) => (i % 50 === 0 ? 800 : 2))
  const histogram = histogramOf(times)
  expect(histogram).toEqual(histogramOf(times.toReversed()))
  expect(quantileMs(histogram, 0.5) / 2).toBeCloseTo(1, 0)
  expect(quantileMs(histogram, 0.99) / 800).toBeCloseTo(1, 0)
  expect(quantileMs(histogram, 0.97) / 2).toBeCloseTo(1, 0)
})

test('what a clock that stands still or runs back gives is 0 ms, and what never ends is in the last bucket', () => {
  expect([0, -5, Number.NaN, 0.1].map(bucketOf)).toEqual([0, 0, 0, 0])
  expect(bucketOf(Infinity)).toBe(98)
  expect([quantileMs(histogramOf([0, 0, 0]), 0.99), quantileMs({}, 0.5)]).toEqual([0, 0])
})

test('sums of two isolates are those of one that did it all, by transform and source', () => {
  const one = new TransformSums([countsOfStep(step(2), 'web'), countsOfStep(step(3), 'app')])
  const other = new TransformSums([
    countsOfStep(step(2), 'web'),
    countsOfStep(step(300, { transform: 'euros' }), 'web'),
  ])
  one.add(other.all())
  expect(one.all().map(({ transform, source, runs, in: given, out }) => [transform, source, runs, given, out])).toEqual(
    [
      ['drop-bots', 'web', 2, 20, 16],
      ['drop-bots', 'app', 1, 10, 8],
      ['euros', 'web', 1, 10, 8],
    ],
  )
})

test('the first 200 of many transforms have counts of their own, and the others are counted together', () => {
  const sums = new TransformSums()
  for (let i = 0; i < 250; i++) sums.add([countsOfStep(step(1, { transform: `transform ${i}` }))])
  expect(sums.all()).toHaveLength(201)
  expect(sums.all().at(-1)).toMatchObject({ transform: 'other', runs: 50, in: 500 })
})

import { afterEach, expect, test } from 'vitest'
import type { Bindings, LogStatus } from '../../src/core/bindings.ts'
import { type Facts, pack } from '../../src/core/envelope.ts'
import { log } from '../../src/streams/log.ts'
import { type LogRegion, regionChooser } from '../../src/streams/log/regions.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'
import { StreamHarness } from './stream-harness.ts'

let harness: StreamHarness | undefined
afterEach(() => harness?.stop())

const orderFrom = (id: string, facts: Facts, key = 'ada') => pack(headerOf(id, { key, facts }), plainOrder(id))

test('the nearest region of the config takes an event, by its country and, in North America, by its state', () => {
  const regions: readonly LogRegion[] = ['weur', 'enam', 'oc']
  const place = regionChooser(regions)
  const regionOf = (facts: Facts | undefined) => regions[place(facts)]
  expect(
    [
      { country: 'DE' },
      { country: 'PL' },
      { country: 'BR' },
      { country: 'US', region: 'New York' },
      { country: 'JP' },
      { country: 'NZ' },
      { country: 'ZA' },
      { country: 'SA' },
      // A network that hides its country, and one that Cloudflare does not know.
      { country: 'T1' },
      {},
      undefined,
    ].map(regionOf),
  ).toEqual(['weur', 'weur', 'enam', 'enam', 'oc', 'oc', 'weur', 'weur', 'weur', 'weur', 'weur'])
  const coasts = regionChooser(['enam', 'wnam'])
  expect(
    [
      { country: 'US', region: 'California' },
      { country: 'US' },
      { country: 'CA', region: 'Ontario' },
      { country: 'JP' },
    ].map(coasts),
  ).toEqual([1, 0, 0, 1])
})

test('each region has its partitions, placed near it, and those above the config have no place', () => {
  const named: [string, unknown][] = []
  const bindings = {
    LOG: { getByName: (name: string, options?: unknown) => named.push([name, options]) },
  } as unknown as Bindings
  const stream = log({ partitions: 2, regions: ['weur', 'enam'] })
  expect([stream.partitions, stream.problems]).toEqual([4, []])
  for (let n = 0; n < 5; n++) stream.log?.partition(bindings, n)
  expect(named).toEqual([
    ['0', { locationHint: 'weur' }],
    ['1', { locationHint: 'enam' }],
    ['2', { locationHint: 'weur' }],
    ['3', { locationHint: 'enam' }],
    ['4', {}],
  ])
  const placeOf = (key: string, country: string) => stream.partitionOf?.(key, { country }) ?? -1
  for (const key of ['ada', 'grace', 'edsger']) {
    expect(placeOf(key, 'FR') % 2).toBe(0)
    expect(placeOf(key, 'US')).toBe(placeOf(key, 'FR') + 1)
  }
})

test('a config with regions that are none is told which there are', () => {
  const problemsOf = (regions: unknown, partitions = 1) => log({ partitions, regions: regions as LogRegion[] }).problems
  expect(problemsOf([])).toEqual([expect.stringContaining('weur')])
  expect(problemsOf('weur')).toEqual([expect.stringContaining('must be a list')])
  expect(problemsOf(['weur', 'europe'])).toEqual([expect.stringContaining('"europe" is none')])
  expect(problemsOf(['weur', 'weur'])).toEqual(['"regions" names one twice'])
  expect(problemsOf(['weur', 'enam'], 40)).toEqual([expect.stringContaining('is 80')])
})

test('events of two regions are in logs of their own, in order, and a repeat is dropped where the first one is', async () => {
  harness = await StreamHarness.start({ driver: 'log', options: { regions: ['weur', 'enam'] } })
  const bremen = { country: 'DE' }
  const boston = { country: 'US', region: 'Massachusetts' }
  await harness.append([orderFrom('order 1', bremen), orderFrom('order 2', boston), orderFrom('order 3', bremen)])
  expect(await harness.append([orderFrom('order 2', boston), orderFrom('order 4', boston)])).toEqual({
    accepted: 1,
    duplicates: 1,
  })
  const ids = async (name: string, many: number) => (await harness?.gotSo(many, name))?.map(({ id }) => id)
  expect(await ids('webhook:0', 2)).toEqual(['order 1', 'order 3'])
  expect(await ids('webhook:1', 2)).toEqual(['order 2', 'order 4'])
  expect((await harness.log<LogStatus>(1, 'status')).head).toBe(2)
})

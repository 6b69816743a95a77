import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { until } from '../streams/stream-harness.ts'
import { IdentityBench } from './identity-harness.ts'

const hour = 3_600_000
let bench: IdentityBench
beforeAll(async () => void (bench = await IdentityBench.start()))
beforeEach(async () => void (await bench.ahead(0)))
afterAll(() => bench.stop())

test('what was set is there for the next get, also when it replaces something', async () => {
  const shop = bench.of('next-get')
  expect(await shop.get('pixel:cart-of-ada')).toBe(null)
  for (let n = 0; n < 20; n++) {
    await shop.set('pixel:cart-of-ada', `client-${n}`, 60)
    expect(await shop.get('pixel:cart-of-ada')).toBe(`client-${n}`)
  }
})

test('one source knows nothing of what another remembers', async () => {
  await bench.of('toys').set('cart', 'anon-of-ada', 60)
  expect(await bench.of('books').get('cart')).toBe(null)
})

test('what was set is forgotten when its time is over, and not before', async () => {
  const shop = bench.of('expiry')
  await shop.set('cart', 'anon-of-ada', 12 * 3600)
  await bench.ahead(12 * hour - 60_000)
  expect(await shop.get('cart')).toBe('anon-of-ada')
  await bench.ahead(12 * hour + 1)
  expect(await shop.get('cart')).toBe(null)
})

test('setting it again gives it the new time, longer or shorter', async () => {
  const shop = bench.of('again')
  await shop.set('cart', 'anon-of-ada', 60)
  await bench.ahead(30_000)
  await shop.set('cart', 'anon-of-ada', 60)
  await bench.ahead(80_000)
  expect(await shop.get('cart')).toBe('anon-of-ada')
  await shop.set('cart', 'anon-of-ada', 1)
  await bench.ahead(82_000)
  expect(await shop.get('cart')).toBe(null)
})

test('what was set survives that the runtime is killed', async () => {
  await bench.of('killed').set('cart', 'anon-of-ada', 60)
  await bench.restart()
  expect(await bench.of('killed').get('cart')).toBe('anon-of-ada')
})

test('the alarm deletes what has expired and nothing else, and rests once nothing is left', async () => {
  const shop = bench.of('alarm')
  // By the object's clock, the alarm is an hour away: by the runtime's, less than a second.
  await bench.ahead(-hour + 700)
  await shop.set('old', 'anon-of-ada', 60)
  await shop.set('new', 'anon-of-bob', 2 * 3600)
  expect(await shop.stored()).toEqual(['new', 'old'])
  await bench.ahead(0)
  await until(shop.stored, (keys) => keys.length < 2)
  expect(await shop.stored()).toEqual(['new'])
  expect(await shop.get('new')).toBe('anon-of-bob')
  expect(await shop.alarmAt()).toBeGreaterThan(Date.now() + hour - 60_000)

  const last = bench.of('last')
  await bench.ahead(-hour + 700)
  await last.set('old', 'anon-of-ada', 60)
  await bench.ahead(0)
  await until(last.stored, (keys) => keys.length === 0)
  await until(last.alarmAt, (at) => at === null)
})

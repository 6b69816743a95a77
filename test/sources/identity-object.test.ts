import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { IdentityHarness } from './identity-harness.ts'

const hour = 3_600_000
let harness: IdentityHarness
beforeAll(async () => void (harness = await IdentityHarness.start()))
beforeEach(async () => void (await harness.ahead(0)))
afterAll(() => harness.stop())

test('what was set is there for the next get, also when it replaces something', async () => {
  const shop = harness.of('next-get')
  expect(await shop.get('pixel:cart-of-ada')).toBe(null)
  for (let n = 0; n < 20; n++) {
    await shop.set('pixel:cart-of-ada', `client-${n}`, 60)
    expect(await shop.get('pixel:cart-of-ada')).toBe(`client-${n}`)
  }
})

test('one source knows nothing of what another remembers', async () => {
  await harness.of('toys').set('cart', 'anon-of-ada', 60)
  expect(await harness.of('books').get('cart')).toBe(null)
})

test('what was set is forgotten when its time is over, and not before', async () => {
  const shop = harness.of('expiry')
  await shop.set('cart', 'anon-of-ada', 12 * 3600)
  await harness.ahead(12 * hour - 60_000)
  expect(await shop.get('cart')).toBe('anon-of-ada')
  await harness.ahead(12 * hour + 1)
  expect(await shop.get('cart')).toBe(null)
})

test('setting it again gives it the new time, longer or shorter', async () => {
  const shop = harness.of('again')
  await shop.set('cart', 'anon-of-ada', 60)
  await harness.ahead(30_000)
  await shop.set('cart', 'anon-of-ada', 60)
  await harness.ahead(80_000)
  expect(await shop.get('cart')).toBe('anon-of-ada')
  await shop.set('cart', 'anon-of-ada', 1)
  await harness.ahead(82_000)
  expect(await shop.get('cart')).toBe(null)
})

test('what was set survives that the runtime is killed', async () => {
  await harness.of('killed').set('cart', 'anon-of-ada', 60)
  await harness.restart()
  expect(await harness.of('killed').get('cart')).toBe('anon-of-ada')
})

test('the alarm deletes what has expired and nothing else, and rests once nothing is left', async () => {
  const shop = harness.of('alarm')
  // By the object's clock, the alarm is an hour away: by the runtime's, less than a second.
  await harness.ahead(-hour + 700)
  await shop.set('old', 'anon-of-ada', 60)
  await shop.set('new', 'anon-of-bob', 2 * 3600)
  expect(await shop.stored()).toEqual(['new', 'old'])
  await harness.ahead(0)
  await until('the old one is deleted', shop.stored, { enough: (keys) => keys.length < 2 })
  expect(await shop.stored()).toEqual(['new'])
  expect(await shop.get('new')).toBe('anon-of-bob')
  expect(await shop.alarmAt()).toBeGreaterThan(Date.now() + hour - 60_000)

  const last = harness.of('last')
  await harness.ahead(-hour + 700)
  await last.set('old', 'anon-of-ada', 60)
  await harness.ahead(0)
  await until('nothing is stored', last.stored, { enough: (keys) => keys.length === 0 })
  await until('no alarm is set', last.alarmAt, { enough: (at) => at === null })
})

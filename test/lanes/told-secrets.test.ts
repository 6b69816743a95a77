// Vendors repeat what they were sent: "Malformed access token …". None of it may get into logs, attempts, letters and lanes.
import { expect, test } from 'vitest'
import { metaConversions } from '../../destinations/meta-conversions.ts'
import { webhook } from '../../destinations/webhook.ts'
import type { Destination } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf } from '../support/sample-events.ts'

const now = Date.parse('2026-11-29T12:00:00Z')
const order = JSON.stringify({
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1',
  userId: 'ada',
  anonymousId: 'anon-ada',
  timestamp: '2026-11-29T11:59:00.000Z',
  context: { userAgent: 'Mozilla/5.0', page: { url: 'https://shop.example.com/' } },
})

/** All that is known of a delivery after a destination has answered, as text. */
async function toldAfter(destination: Destination, status: number, body: string, headers = {}): Promise<string> {
  const port = fakePort({ now: () => now, fetch: async () => new Response(body, { status, headers }) })
  const { outcomes, sent } = await deliver([new Envelope(headerOf('order-1'), order)], destination, { port })
  return JSON.stringify({ outcomes, sent })
}

const accessToken = `EAAB${'s3cret'.repeat(40)}`
const meta = metaConversions({ pixelId: '1234567890', accessToken })
const hook = webhook({
  url: 'https://crm.example.com/hook?api_key=key-of-the-shop&shop=berlin',
  headers: { authorization: 'Bearer bearer-of-the-shop', 'x-shop': 'berlin' },
})

test('a token that Meta repeats stands neither in the reason of the lane nor in that of an attempt, also where it is cut', async () => {
  const body = JSON.stringify({ error: { message: `Malformed access token ${accessToken}`, code: 190 } })
  const told = await toldAfter(meta, 400, body)
  expect(told).toContain('Meta: Malformed access token *** (code 190)')
  expect(told).not.toContain('s3crets3cret')
})

test('members of an answer that are credentials by their name are hidden in the detail of a letter, too', async () => {
  const body = '{"error":"try it with this one","access_token":"token-of-the-vendor"}'
  expect(await toldAfter(hook, 400, body)).not.toContain('token-of-the-vendor')
})

test.each([
  ['a key in the address of a setting', 'No such key: key-of-the-shop'],
  ['a token in a header of the settings', 'Not authorized: bearer-of-the-shop'],
])('%s is hidden where an answer repeats it', async (_, body) => {
  expect(await toldAfter(hook, 400, body)).not.toMatch(/key-of-the-shop|bearer-of-the-shop/)
})

test('what is no credential in an address or a header of the settings is shown in the answer', async () => {
  expect(await toldAfter(hook, 400, 'The shop berlin is closed')).toContain('The shop berlin is closed')
})

test('the address of a redirect is shown without the key that it repeats and without one of its own', async () => {
  const location = 'https://crm.example.com/moved?api_key=key-of-the-shop&session=session-of-the-vendor'
  const told = await toldAfter(hook, 307, '', { location })
  expect(told).toContain('https://crm.example.com/moved?api_key=***&session=***')
})

import { describe, expect, test } from 'vitest'
import { call } from '../support/call.ts'
import { now } from '../support/fake-context.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { type Example, examples, expectUnchanged, isFor } from './examples.ts'

const ip = '198.51.100.7'
const headers = { 'cf-connecting-ip': ip }
const circumstances = { ip, notBefore: now }
/** Names and display names of the destinations of the fake edge. */
const destinations = { webhook: 'Webhook', crm: 'CRM' }
const targetsOf = (example: Example): string[] =>
  Object.entries(destinations).flatMap(([name, displayName]) => (isFor(example, displayName) ? [name] : []))

/** A list of words that stands in one line. */
const names = (prefix: string, ends: string): string[] => ends.split(', ').map((end) => `${prefix} ${end}`)

/** Every event that the specification names, by the file that has its examples. */
const specified: Readonly<Record<string, readonly string[]>> = {
  ecommerce: [
    'Products Searched',
    ...names('Product List', 'Viewed, Filtered'),
    ...names('Promotion', 'Viewed, Clicked'),
    ...names('Product', 'Clicked, Viewed, Added, Removed'),
    'Cart Viewed',
    ...names('Checkout', 'Started, Step Viewed, Step Completed'),
    'Payment Info Entered',
    ...names('Order', 'Completed, Updated, Refunded, Cancelled'),
    ...names('Coupon', 'Entered, Applied, Denied, Removed'),
    ...names('Product', 'Added to Wishlist, Removed from Wishlist'),
    'Wishlist Product Added to Cart',
    'Product Shared',
    'Cart Shared',
    'Product Reviewed',
  ],
  video: [
    ...names('Video Playback', 'Started, Paused, Interrupted, Resumed, Completed, Exited'),
    ...names('Video Playback', 'Buffer Started, Buffer Completed, Seek Started, Seek Completed'),
    ...names('Video Content', 'Started, Playing, Completed'),
    ...names('Video Ad', 'Started, Playing, Completed'),
    'Video Quality Updated',
  ],
  mobile: [
    ...names('Application', 'Installed, Opened, Updated, Backgrounded, Foregrounded, Crashed, Uninstalled'),
    'Install Attributed',
    ...names('Push Notification', 'Received, Tapped, Bounced'),
    ...names('Deep Link', 'Clicked, Opened'),
  ],
}

describe('the examples of the event specification', () => {
  test('the examples of the event specification are of every call, and of every event of e-commerce, video and mobile', () => {
    const calls = examples.filter(({ file }) => file === 'calls').map((example) => example.call)
    expect([...new Set(calls)].toSorted()).toEqual(['alias', 'group', 'identify', 'page', 'screen', 'track'])
    for (const [file, events] of Object.entries(specified)) {
      const found = examples.filter((example) => example.file === file).map(({ event }) => String(event['event']))
      expect([...new Set(found)].toSorted(), file).toEqual(events.toSorted())
    }
  })

  // A route of its own says what the event is; some documents leave `type` out.
  test.each(examples)('the example $title of $file is accepted alone and stored unchanged', async (example) => {
    const edge = fakeEdge()
    const answer = await call(edge, `/v1/${example.call}`, { body: example.event, headers })
    expect([answer.status, answer.json()]).toEqual([200, { success: true, accepted: 1 }])
    const [envelope, ...others] = edge.envelopes()
    expect(others).toEqual([])
    expectUnchanged(envelope?.event ?? {}, example, circumstances)
    expect(envelope?.header.to).toEqual(targetsOf(example))
    expect(edge.deadLetters).toEqual([])
  })

  test('the examples of the event specification are accepted in one batch and stored unchanged, in their order', async () => {
    const edge = fakeEdge()
    const batch = examples.map(({ call: type, event }, i) => ({ type, ...event, messageId: `batch-${i}` }))
    const answer = await call(edge, '/v1/batch', { body: { batch }, headers })
    expect([answer.status, answer.json()]).toEqual([200, { success: true, accepted: examples.length }])
    const envelopes = edge.envelopes()
    expect(envelopes.length).toBe(examples.length)
    for (const [i, example] of examples.entries()) {
      const envelope = envelopes[i]
      expectUnchanged(envelope?.event ?? {}, example, { ...circumstances, messageId: `batch-${i}` })
      expect(envelope?.header.to, example.title).toEqual(targetsOf(example))
    }
    expect(edge.deadLetters).toEqual([])
  })
})

import { describe, expect, test } from 'vitest'
import type { DroppedSample } from '../../src/core/dropped.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { DroppedBuffer } from '../../src/edge/dropped-buffer.ts'
import * as dropBots from '../../transforms/drop-bots.ts'
import { fakeEdge, type EdgeOptions } from '../support/fake-edge.ts'

const googlebot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
const now = Date.parse('2026-11-28T10:00:00.000Z')

/** Sends a page view of a crawler to an edge; gives what its lane was told. */
async function drop(source: EdgeOptions['source'], ...more: object[]): Promise<readonly DroppedSample[]> {
  const RATE = { getByName: () => ({ take: async () => ({ allowed: false, remaining: 0, retryAfter: 1 }) }) }
  const edge = fakeEdge({ source: source ?? {}, bindings: { RATE } })
  const shop = edge.context.resolved.sources.get('shop')
  if (shop === undefined) throw new Error('there is no shop')
  const visit = { type: 'page', messageId: 'visit-1', anonymousId: 'a-crawler', context: { userAgent: googlebot } }
  await acceptEvents({ source: shop, events: [visit, ...more], facts: {} }, edge.context).catch(() => undefined)
  await Promise.all(edge.background)
  return edge.droppedSamples
}

describe('what the edge tells its lane of dropped events', () => {
  test('an event that a transform drops is told with the transform, and one that is taken is not', async () => {
    const ada = { type: 'track', messageId: 'order-1', userId: 'ada', event: 'Order Completed' }
    expect(await drop({ transforms: [dropBots] }, ada)).toMatchObject([
      {
        source: 'shop',
        reason: 'the transform "drop-bots" of the source "shop" dropped it',
        messageIds: ['visit-1'],
      },
    ])
  })

  test('an event that the rule on bots drops is told with the name of the bot and what showed it', async () => {
    expect(await drop({ enrich: { bots: 'drop' } })).toMatchObject([
      {
        reason: '"enrich.bots" of the source "shop" drops bots: Googlebot, by its user agent',
        messageIds: ['visit-1'],
      },
    ])
  })

  test('an event that is refused with 429 is told, so that nobody looks for it elsewhere', async () => {
    expect(await drop({ rate: { eventsPerSecond: 1 } })).toMatchObject([
      { reason: expect.stringContaining('refused with 429') as string, messageIds: ['visit-1'] },
    ])
  })
})

test('the buffer of dropped events is bounded in events, reasons and lengths', () => {
  const buffer = new DroppedBuffer()
  const events = Array.from({ length: 1_000 }, (_, i) => ({ messageId: `visit-${i}`, reason: 'a bot' }))
  buffer.add('web', [{ messageId: 'x'.repeat(1_001), reason: 'a bot' }, ...events], now)
  expect(buffer.take().map(({ messageIds }) => messageIds.length)).toEqual([256])
  buffer.add(
    'web',
    events.slice(0, 100).map(({ messageId }, i) => ({ messageId, reason: `${i} ${'bot'.repeat(200)}` })),
    now,
  )
  const samples = buffer.take()
  expect(samples.length).toBe(32)
  for (const { reason } of samples) expect(reason.length).toBe(200)
  expect(buffer.take()).toEqual([])
})

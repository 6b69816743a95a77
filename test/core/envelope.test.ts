import { describe, expect, test } from 'vitest'
import { Envelope, type Header, pack, unpack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'

const header: Header = {
  id: 'order-1',
  key: 'anon-ada',
  source: 'shop',
  receivedAt: '2026-11-22T10:00:00.500Z',
  to: ['webhook', 'tables'],
  facts: { ip: '203.0.113.7' },
}
const event: Event = {
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1',
  properties: { note: 'two\nlines, \u2028 and "quotes"', total: 39.95, nothing: null, city: 'København' },
  unknown: [{ deep: true }],
}

describe('packed envelopes', () => {
  test('packed envelopes are unpacked unchanged, one after the other', () => {
    const text = [pack(header, event), pack({ ...header, id: 'order-2' }, { ...event, messageId: 'order-2' })]
      .map((packed) => packed.text)
      .join('')
    const [first, second, ...others] = unpack(text)
    expect(others).toEqual([])
    expect([first?.header, first?.event, first?.id, first?.key]).toEqual([header, event, 'order-1', 'anon-ada'])
    expect(second?.event.messageId).toBe('order-2')
  })

  test('packed envelopes are two lines each, and an empty text holds none', () => {
    expect(pack(header, event).text.split('\n')).toHaveLength(3)
    expect(unpack('')).toEqual([])
  })

  test('packed envelopes keep text byte for byte, and say what a stream needs to know', () => {
    const text = '{"type": "track", "total": 1.00}'
    const packed = pack(header, text)
    expect(packed).toMatchObject({ id: 'order-1', key: 'anon-ada', source: 'shop' })
    expect(unpack(packed.text)[0]?.text).toBe(text)
  })
})

describe('an envelope', () => {
  test('an envelope parses its event at the first look, not before', () => {
    const envelope = new Envelope(header, 'no JSON')
    expect(envelope.text).toBe('no JSON')
    expect(() => envelope.event).toThrow(SyntaxError)
    const good = new Envelope(header, JSON.stringify(event))
    expect(good.event).toBe(good.event)
  })
})

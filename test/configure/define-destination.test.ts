import { describe, expect, test } from 'vitest'
import { defineDestination, type DestinationSpec } from '../../src/configure/define-destination.ts'
import { Envelope } from '../../src/core/envelope.ts'

const settings = {
  url: { type: 'url', about: 'Where events are sent.' },
  token: { type: 'string', about: 'Token.', secret: true },
  size: { type: 'number', about: 'Events at once.', default: 50 },
} as const

const spec = {
  name: 'crm',
  settings,
  encode: ({ id, event }, { token }) => (event.type === 'page' ? null : { id, text: `${token} ${event.event}` }),
  request: (items, { url }, { now }) => ({
    method: 'POST',
    url,
    headers: { date: String(now) },
    body: items.map(({ text }) => text).join(),
  }),
} satisfies DestinationSpec<typeof settings>

const given = { url: 'https://crm.ada.dev/', token: 'token-of-ada' }

const envelope = (type: string) =>
  new Envelope(
    { id: 'order-1', key: 'ada', source: 'shop', receivedAt: '', to: [], facts: {} },
    JSON.stringify({ type, event: 'Order Completed', messageId: 'order-1' }),
  )

describe('a destination', () => {
  test('a destination has the limits of its definition over the defaults', () => {
    const limits = { events: 1, bytes: 1_000_000, parallel: 6, timeoutSeconds: 10 }
    expect(defineDestination(spec)(given).limits).toEqual(limits)
    const own = { events: 100, parallel: 1 }
    expect(defineDestination({ ...spec, limits: own })(given).limits).toEqual({ ...limits, ...own })
  })

  test('a destination may take its limits from its settings', () => {
    const crm = defineDestination({ ...spec, limits: ({ size }) => ({ events: size }) })
    expect(crm(given).limits.events).toBe(50)
    expect(crm({ ...given, size: 7 }).limits.events).toBe(7)
  })

  test('a destination hands its checked settings, with defaults, to its functions', async () => {
    const crm = defineDestination(spec)(given)
    const item = crm.encode(envelope('track'))
    expect(item).toEqual({ id: 'order-1', text: 'token-of-ada Order Completed' })
    expect(crm.encode(envelope('page'))).toBeNull()
    expect(await crm.request(item === null ? [] : [item], { now: 1843 })).toEqual({
      method: 'POST',
      url: 'https://crm.ada.dev/',
      headers: { date: '1843' },
      body: 'token-of-ada Order Completed',
    })
  })

  test('a destination whose settings have problems says so instead of throwing: the config lists them all', () => {
    const crm = defineDestination({
      ...spec,
      limits: (all) => {
        throw new Error(`not to be asked: ${JSON.stringify(all)}`)
      },
    })({ url: undefined, token: undefined })
    expect(crm.problems).toEqual(['"url" is missing: Where events are sent.', '"token" is missing: Token.'])
    expect(crm.limits.events).toBe(1)
  })

  test('a destination shows its settings without secrets', () => {
    expect(defineDestination(spec)(given).redacted).toEqual({ url: 'https://crm.ada.dev/', token: '***', size: 50 })
  })

  test('a destination has verdicts only where its definition has some', () => {
    expect('verdicts' in defineDestination(spec)(given)).toBe(false)
    const crm = defineDestination({ ...spec, verdicts: () => ({ kind: 'skip', reason: 'seen' }) })(given)
    expect(crm.verdicts?.({ status: 409, headers: {}, body: '' }, [])).toEqual({ kind: 'skip', reason: 'seen' })
  })
})

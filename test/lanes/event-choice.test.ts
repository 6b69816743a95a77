import { describe, expect, test } from 'vitest'
import type { EventChoice, Route } from '../../src/core/config.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Decision } from '../../src/lanes/decision.ts'
import { decide } from '../../src/lanes/decide.ts'
import { forward } from '../../src/lanes/forward.ts'
import { isChosen } from '../../src/lanes/event-choice.ts'
import { fakePort } from '../support/fake-context.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'

const order = plainOrder('order-1', { properties: { plan: 'pro', total: 42, is_gift: false } })
const identify: Event = {
  type: 'identify',
  messageId: 'identify-1',
  userId: 'ada',
  traits: { email: 'ada@example.com' },
}

describe('the choice of events', () => {
  test.each<[EventChoice, Event, boolean]>([
    [{ types: ['track'] }, order, true],
    [{ types: ['identify', 'page'] }, order, false],
    [{ events: ['Order Completed'] }, order, true],
    [{ events: ['Order *'] }, order, true],
    [{ events: ['*Completed'] }, order, true],
    [{ events: ['Order.Completed', 'Order'] }, order, false],
    [{ events: ['order completed'] }, order, false],
    [{ events: ['Order Completed'] }, identify, false],
    [{ types: ['track', 'identify'], events: ['Order Refunded'] }, identify, true],
    [{ types: ['track', 'identify'], events: ['Order Refunded'] }, order, false],
    [{ where: { 'properties.plan': ['pro', 'team'] } }, order, true],
    [{ where: { 'properties.plan': 'free' } }, order, false],
    [{ where: { 'properties.is_gift': false, 'properties.total': 42 } }, order, true],
    [{ where: { 'properties.total': '42' } }, order, false],
    [{ where: { 'properties.constructor': 'pro' } }, order, false],
  ])('the choice of events %j says of an event: %j is chosen: %s', (choice, event, expected) => {
    expect(isChosen(event, choice)).toBe(expected)
  })
})

const send = async (route: Partial<Route>, ...events: Event[]) => {
  const envelopes = events.map((event) => new Envelope(headerOf(event.messageId), JSON.stringify(event)))
  const target = {
    kind: 'destination',
    name: 'crm',
    displayName: 'CRM',
    route: { use: fakeDestination('crm'), ...route },
  }
  return decide(envelopes, target as never, { port: fakePort() })
}

test('a destination gets what only chooses and except does not, and the others are counted as filtered', async () => {
  const refund = plainOrder('refund-1', { event: 'Order Refunded' })
  const decisions = await send(
    { only: { events: ['Order *'] }, except: { events: ['Order Refunded'] } },
    order,
    refund,
    identify,
  )
  expect(decisions.map((one) => 'parts' in one && one.parts.map(({ id }) => id))).toEqual([['order-1'], [], []])
  expect(decisions.map((one) => 'settled' in one && one.settled?.verdict)).toEqual([
    undefined,
    { kind: 'skip', reason: 'filtered' },
    { kind: 'skip', reason: 'filtered' },
  ])
})

test('a destination gets the allowed fields without the denied ones, and a transform before it sees all of them', async () => {
  const event = plainOrder('order-1', {
    properties: { total: 42, cost: 30, card: { number: '4111', brand: 'visa' } },
    context: { ip: '203.0.113.7', traits: { email: 'ada@example.com' } },
    internal: { note: 'vip' },
  })
  const margin = {
    name: 'margin',
    transformEvent: (one: Event) => {
      const { total, cost } = one.properties as { total: number; cost: number }
      return { ...one, properties: { ...one.properties, margin: total - cost } }
    },
  }
  const fields = {
    allow: ['properties.total', 'properties.margin', 'properties.card'],
    deny: ['properties.card.number'],
  }
  const [decision] = await send({ fields, transforms: [margin] as never }, event)
  expect((decision as Decision).parts.map((part) => part.event)).toEqual([
    { ...plainOrder('order-1'), properties: { total: 42, margin: 12, card: { brand: 'visa' } }, context: {} },
  ])
})

test('the fields of a destination take the address out of what the edge knows of a request, too', async () => {
  const envelope = new Envelope(
    headerOf('order-1', { facts: { ip: '203.0.113.7', country: 'DE' } }),
    JSON.stringify(order),
  )
  const route = { use: fakeDestination('crm'), fields: { deny: ['context.ip'] } }
  const target = { kind: 'destination', name: 'crm', displayName: 'CRM', route } as const
  const [decision] = await decide([envelope], target, { port: fakePort() })
  expect((decision as Decision).parts[0]?.header).toEqual(headerOf('order-1', { facts: { country: 'DE' } }))
})

test('a destination with a choice and nothing else sends what is chosen, with the fields that are', async () => {
  const sent: string[] = []
  const port = fakePort({
    fetch: async (request) => {
      sent.push(await request.text())
      return new Response(null, { status: 204 })
    },
  })
  const use = fakeDestination('crm', {
    request: ([item]) => ({ method: 'POST', url: 'https://crm.example.com/', headers: {}, body: item?.text ?? '' }),
  })
  const send = async (route: Partial<Route>) => {
    const target = { kind: 'destination', name: 'crm', displayName: 'crm', route: { use, ...route } } as const
    const events = [order, identify].map((event) => ({
      envelope: new Envelope(headerOf(event.messageId), JSON.stringify(event)),
    }))
    return (await forward(events, target, { port })).outcomes.map(({ code }) => code)
  }
  expect(await send({ only: { types: ['track'] } })).toEqual(['http_204', 'skip'])
  expect(await send({ except: { types: ['track'] } })).toEqual(['skip', 'http_204'])
  expect(sent.map((text) => (JSON.parse(text) as Event).messageId)).toEqual(['order-1', 'identify-1'])
})

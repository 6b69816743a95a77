import { describe, expect, test } from 'vitest'
import type { Draft } from '../../src/core/webhook-source.ts'
import { call } from '../support/call.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { casesOf, type GoldenCase, makerOf } from './golden-cases.ts'

describe.each([
  'adjust',
  'appcenter',
  'appsflyer',
  'canny',
  'close-crm',
  'cordial',
  'extole',
  'facebook-lead-ads',
  'facebook-lead-ads-native',
  'formsort',
  'gainsightpx',
  'mailjet',
  'mailmodo',
  'moengage',
  'olark',
  'ortto',
  'pipedream',
  'refiner',
  'revenuecat',
  'satismeter',
  'signl4',
])('calls of %s to /v1/webhook', async (name) => {
  const cases = casesOf(name)
  const make = await makerOf(name)

  const send = async ({ settings, request: { method = 'POST', url, headers = {}, body, raw } }: GoldenCase) => {
    const edge = fakeEdge({ source: { webhook: make(settings) } })
    const query = url?.split('?')[1] ?? ''
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await call(edge, `/v1/webhook?writeKey=${writeKey}&${query}`, {
      key: null,
      method,
      headers,
      ...(content === undefined || method === 'GET' ? {} : { raw: content }),
    })
    return { edge, answer }
  }

  test(`the golden cases of ${name} have a usual call, a second one and a call that is not taken`, () => {
    expect(cases.filter(({ events }) => events !== undefined && events.length > 0).length).toBeGreaterThanOrEqual(2)
    expect(cases.filter(({ error }) => error !== undefined).length).toBeGreaterThanOrEqual(1)
  })

  test.each(cases)(`calls of ${name} to /v1/webhook arrive as they should: $name`, async (one) => {
    const { edge, answer } = await send(one)
    if (one.refused !== undefined) {
      // The edge's clock stands at ten o'clock: what is too old only later is of golden.test.ts.
      if (one.refused.includes('too old')) return
      expect(answer.status).toBe(401)
      expect(answer.text).toContain(one.refused)
      expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { [`refused:shop`]: 1 }])
      return
    }
    if (one.error !== undefined) {
      expect(answer.status).toBe(400)
      expect(answer.text).toContain(JSON.stringify(one.error).slice(1, -1))
      expect(edge.events()).toEqual([])
      expect(edge.deadLetters.map(({ code, reason }) => [code, reason])).toEqual([['source_failed', one.error]])
      return
    }
    expect([answer.status, answer.text]).toEqual([200, one.reply?.body ?? 'OK'])
    if (one.reply !== undefined) expect(answer.headers.get('content-type')).toContain(one.reply.contentType)
    expect(edge.deadLetters).toEqual([])
    const events = JSON.parse(JSON.stringify(one.events ?? [])) as Draft[]
    for (const event of events) if (String(event['anonymousId']).startsWith('uuid-')) delete event['anonymousId']
    expect(edge.events()).toHaveLength(events.length)
    expect(edge.events()).toMatchObject(events)
    for (const { userId, anonymousId } of edge.events()) expect(userId ?? anonymousId).toMatch(/./)
  })
})

test('a transcript of Olark comes as a form, and arrives as a track and a group', async () => {
  const olark = await makerOf('olark')
  const edge = fakeEdge({ source: { webhook: olark() } })
  const data = JSON.stringify({
    kind: 'Conversation',
    id: 'EV695BI2930A6XMO32886MPT899443414',
    groups: [{ kind: 'Group', id: 4567, name: 'Support' }],
    visitor: { id: 'QRX67C5V0ADK1J2', fullName: 'Ada Lovelace' },
  })
  const answer = await call(edge, `/v1/webhook?writeKey=${writeKey}`, {
    key: null,
    raw: new URLSearchParams({ data }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' },
  })
  expect([answer.status, answer.text]).toEqual([200, 'OK'])
  expect(edge.events()).toMatchObject([
    { type: 'track', event: 'Conversation', userId: 'QRX67C5V0ADK1J2', context: { traits: { name: 'Ada Lovelace' } } },
    { type: 'group', groupId: '4567', userId: 'QRX67C5V0ADK1J2', traits: { name: 'Support' } },
  ])
})

test('a form in an email with too many fields is refused before it fills the memory', async () => {
  const mailmodo = await makerOf('mailmodo')
  const edge = fakeEdge({ source: { webhook: mailmodo() } })
  const answer = await call(edge, `/v1/webhook?writeKey=${writeKey}`, {
    key: null,
    body: {
      recipientEmail: 'ada@example.com',
      ['long name '.repeat(50_000)]: Array.from({ length: 100_000 }, () => 1),
    },
  })
  expect(answer.status).toBe(400)
  expect(answer.text).toContain('The call has too many fields')
})

import { describe, expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { call, type Call } from '../support/call.ts'

const opened = {
  writeKey,
  userId: '025pikachu025',
  event: 'Email Opened',
  properties: { subject: 'The Electric Daily – 電気', email: 'ada@example.com' },
}
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
const see = (edge: ReturnType<typeof fakeEdge>, path: string, more: Call = {}) =>
  call(edge, path, { method: 'GET', key: null, ...more })
const stored = {
  type: 'track',
  userId: '025pikachu025',
  event: 'Email Opened',
  properties: { subject: 'The Electric Daily – 電気', email: 'ada@example.com' },
}

describe("Segment's pixel", () => {
  test.each([
    ['base64', encodeURIComponent(base64(opened))],
    ['base64 that nobody has escaped, so that + is a blank', base64({ ...opened, note: '>>>???~~~' })],
    ['base64 without its padding', base64(opened).replace(/=+$/, '')],
    ['base64url', Buffer.from(JSON.stringify({ ...opened, note: '>>>???~~~' })).toString('base64url')],
    ['plain JSON', encodeURIComponent(JSON.stringify(opened))],
  ])('stores the event of an opened e-mail from %s', async (_how, data) => {
    const edge = fakeEdge()
    const answer = await see(edge, `/v1/pixel/track?data=${data}`)
    expect([answer.status, answer.headers.get('content-type'), answer.text.slice(0, 6)]).toEqual([
      200,
      'image/gif',
      'GIF89a',
    ])
    expect(edge.events()).toMatchObject([stored])
    expect(edge.events()[0]).not.toHaveProperty('writeKey')
  })

  test('stores an event that is written into the query, with dots as objects', async () => {
    const edge = fakeEdge()
    const query = new URLSearchParams({ ...opened, 'properties.subject': 'Daily' } as never)
    query.delete('properties')
    await see(edge, `/v1/pixel/track?${query.toString()}`)
    expect(edge.events()).toMatchObject([{ event: 'Email Opened', properties: { subject: 'Daily' } }])
  })

  test.each(['track', 'identify', 'group', 'alias', 'page', 'screen'])(
    "Segment's pixel has a route for %s",
    async (type) => {
      const edge = fakeEdge()
      await see(edge, `/v1/pixel/${type}?data=${encodeURIComponent(base64({ writeKey, userId: 'ada' }))}`)
      expect(edge.events()).toMatchObject([{ type, userId: 'ada' }])
    },
  )

  test.each<[string, string, string]>([
    ['a wrong key', `?data=${base64({ ...opened, writeKey: 'nobody' })}`, 'write_key_invalid'],
    ['no key', `?data=${base64({ userId: 'ada' })}`, 'write_key_missing'],
    ['no base64', '?data=%F0%9F%9B%92', 'invalid_json'],
    ['no JSON', '?data=QWRh', 'invalid_json'],
    ['no object', `?data=${base64([1])}`, 'invalid_json'],
    ['nothing', '', 'write_key_missing'],
  ])('with %s is an image all the same, and counted', async (_what, query, code) => {
    const edge = fakeEdge()
    const answer = await see(edge, `/v1/pixel/track${query}`)
    expect([answer.status, answer.text.slice(0, 6)]).toEqual([200, 'GIF89a'])
    await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ [`pixel refused: ${code}`]: 1 })
    expect(edge.events()).toEqual([])
  })

  test("the data of Segment's pixel that names nobody is a dead letter", async () => {
    const edge = fakeEdge()
    await see(edge, `/v1/pixel/track?data=${base64({ writeKey, event: 'Email Opened' })}`)
    expect(edge.deadLetters).toMatchObject([{ code: 'no_identity', event: expect.stringContaining('Email Opened') }])
  })

  test("Segment's pixel cannot reach a prototype", async () => {
    const edge = fakeEdge()
    const data = Buffer.from(`{"writeKey":"${writeKey}","userId":"ada","__proto__":{"polluted":1}}`).toString('base64')
    await see(edge, `/v1/pixel/track?data=${encodeURIComponent(data)}`)
    expect(edge.events()).toHaveLength(1)
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
    expect(
      edge.appends
        .flat()
        .map(({ text }) => text)
        .join(''),
    ).not.toContain('polluted')
  })
})

test("Segment's short paths take events whatever query follows", async () => {
  const edge = fakeEdge()
  const answer = await call(edge, '/v1/p?source=amp&_=1732269600', { body: { userId: 'ada', name: 'Home' } })
  expect([answer.status, edge.events()]).toMatchObject([200, [{ type: 'page', name: 'Home' }]])
})

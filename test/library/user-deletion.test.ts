// Deleting users with the code that destinations of the library have for it: what is sent, to whom, and what becomes of answers.
import encharge from '@segment/action-destinations/dist/destinations/encharge/index.js'
import customerio from '@segment/action-destinations/dist/destinations/customerio/index.js'
import intercom from '@segment/action-destinations/dist/destinations/intercom/index.js'
import optimizely from '@segment/action-destinations/dist/destinations/optimizely-feature-experimentation-actions/index.js'
import { expect, test } from 'vitest'
import type { Credentials, Destination, ForgottenUser } from '../../src/core/destination.ts'
import { segment } from '../../src/library/segment.ts'
import { crm, oauthCrm } from './definition.ts'

/** Deletes a user; the vendor's answers come from `answer`, by the how-manieth request. */
async function deleting(
  destination: Destination,
  user: ForgottenUser,
  answer: (n: number) => Response | Error = () => Response.json({}),
  credentials?: Credentials,
) {
  const asked: string[] = []
  const fetch = async (request: Request) => {
    asked.push(`${request.method} ${request.url} ${request.headers.get('authorization') ?? ''}`.trim())
    const given = answer(asked.length)
    if (given instanceof Error) throw given
    return given
  }
  const kept = credentials === undefined ? {} : { credentials }
  const context = { now: Date.UTC(2026, 10, 29), fetch, signal: new AbortController().signal, ...kept }
  return { told: await destination.deleteUser?.(user, context), asked }
}

const people = segment(customerio, { settings: { siteId: 'site', apiKey: 'key' } as never })
const marketing = segment(encharge, { settings: { apiKey: 'key' } as never })
const support = segment(intercom, { mappings: { identifyContact: true }, tokens: { accessToken: 'token-1' } })
const found = () => Response.json({ total_count: 1, data: [{ id: '5811f6bb' }] })

test('a destination of the library without code for it deletes no users', () => {
  expect(segment(crm as never, { settings: { apiKey: 'x' } } as never).deleteUser).toBeUndefined()
})

test('a user is deleted by the userId, and by the anonymousId only where the code of the library does so', async () => {
  const { told, asked } = await deleting(people, { userId: 'ada' })
  expect(told).toEqual({ state: 'done' })
  expect(asked).toEqual([
    expect.stringMatching(/^DELETE https:\/\/track\.customer\.io\/api\/v1\/customers\/ada Basic /),
  ])
  const other = await deleting(people, { anonymousId: 'anon-1', email: 'ada@example.com' })
  expect(other).toEqual({
    asked: [],
    told: { state: 'failed', reason: 'Actions Customerio does not delete users by anonymousId' },
  })
  expect((await deleting(marketing, { anonymousId: 'anon-1' })).asked).toEqual([
    expect.stringContaining('people[0][segmentAnonymousId]=anon-1'),
  ])
})

test.each([
  ['in a path', people, '../ben'],
  ['in a path, as dots', people, '..'],
  ['in a query', marketing, 'ada&people[1][userId]=ben'],
  ['in a query, as a space', marketing, 'ada+ben'],
])('an id that would name somebody else %s is not sent', async (_, destination, userId) => {
  const { told, asked } = await deleting(destination, { userId })
  expect(asked).toEqual([])
  expect(told?.state).toBe('failed')
  expect(told?.reason).toContain('cannot name this user')
})

test('code of the library that would delete by a setting instead of by the user sends nothing', async () => {
  const destination = segment(optimizely, {
    settings: { accessToken: 'token', accountId: '1842', dataFileUrl: 'https://cdn.example.com/1.json' } as never,
    mappings: { trackEvent: true },
  })
  const { told, asked } = await deleting(destination, { userId: 'ada' })
  expect([told?.state, asked]).toEqual(['failed', []])
})

test.each([
  [204, 'done', undefined],
  [404, 'done', 'HTTP 404: not known there'],
  [400, 'failed', 'HTTP 400'],
  [401, 'waiting', 'HTTP 401'],
  [503, 'waiting', 'HTTP 503'],
])('a vendor that answers a deletion with %i makes it %s', async (status, state, reason) => {
  const { told } = await deleting(people, { userId: 'ada' }, () => new Response(null, { status }))
  expect(told).toEqual(reason === undefined ? { state } : { state, reason })
})

test('a deletion waits as long as the vendor asks, and where there was no answer', async () => {
  const busy = () => new Response(null, { status: 429, headers: { 'retry-after': '60' } })
  expect((await deleting(people, { userId: 'ada' }, busy)).told).toEqual({
    state: 'waiting',
    reason: 'HTTP 429',
    afterSeconds: 60,
  })
  const { told } = await deleting(people, { userId: 'ada' }, () => new Error('connection lost'))
  expect(told).toEqual({ state: 'waiting', reason: 'no answer: connection lost' })
})

test('a deletion of two requests is done with the second, and a 404 to that does not mean that the user is unknown', async () => {
  const { told, asked } = await deleting(support, { userId: 'ada' }, found)
  expect(asked.map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
    'POST https://api.intercom.io/contacts/search',
    'DELETE https://api.intercom.io/contacts/ada',
  ])
  expect(told).toEqual({ state: 'done' })
  const lost = await deleting(support, { userId: 'ada' }, (n) =>
    n === 1 ? found() : new Response(null, { status: 404 }),
  )
  expect(lost.told).toEqual({ state: 'failed', reason: 'HTTP 404 to request 2 of the deletion' })
})

test('tokens that have run out are renewed for a deletion, and kept for all lanes', async () => {
  const destination = segment(
    {
      ...oauthCrm,
      onDelete: async (
        request: (url: string, options: object) => unknown,
        { payload }: { payload: { userId?: string } },
      ) => request(`https://crm.example.com/contacts/${payload.userId}`, { method: 'delete' }),
    } as never,
    { mappings: { contact: true }, tokens: { accessToken: 'old', refreshToken: 'refresh' } },
  )
  let kept: string | null = null
  const renewing = {
    now: 0,
    signal: new AbortController().signal,
    fetch: async () => Response.json({ access: 'new', refresh: 'next' }),
  }
  const credentials: Credentials = {
    current: async () => kept,
    renew: async () => (kept = (await destination.renew?.(kept, renewing)) as string),
  }
  const refuse = (n: number) => new Response(null, { status: n === 1 ? 401 : 204 })
  const { told, asked } = await deleting(destination, { userId: 'ada' }, refuse, credentials)
  expect(told).toEqual({ state: 'done' })
  expect(asked).toEqual([
    'DELETE https://crm.example.com/contacts/ada Bearer old',
    'DELETE https://crm.example.com/contacts/ada Bearer new',
  ])
})

import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Config } from '../../src/core/config.ts'
import { differencesOf } from '../../src/core/differences.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { fakeAdmin } from './fake-admin.ts'

describe('a job', () => {
  test('a job begins in the lanes that it is about, is one in the list, and is canceled in all of them', async () => {
    const admin = fakeAdmin({ partitions: 2, letters: { 'webhook:0': [{}], 'webhook:1': [{}] } })
    const { status, body } = await admin.post('/dead-letters/jobs', {
      action: 'replay',
      target: 'webhook',
      stage: 'delivery',
    })
    expect([status, body.job]).toMatchObject([
      200,
      { kind: 'replay', target: 'webhook', by: 'admin', state: 'running' },
    ])
    expect(admin.lane('webhook:1').jobs).toMatchObject([{ id: body.job.id, filter: { stage: 'delivery' } }])
    expect(admin.lane('tables:0').jobs).toEqual([])
    expect((await admin.call('/jobs')).body.jobs).toHaveLength(1)
    const one = await admin.call(`/jobs/${body.job.id}`)
    expect(one.body.job.lanes.map(({ lane }: { lane: string }) => lane)).toEqual(['webhook:0', 'webhook:1'])
    const canceled = await admin.post(`/jobs/${body.job.id}/cancel`)
    expect(canceled.body.job).toMatchObject({ state: 'canceled' })
    expect(admin.lane('webhook:0').jobs).toMatchObject([{ state: 'canceled' }])
    expect((await admin.call('/jobs/none')).status).toBe(404)
  })

  test.each([
    [{ action: 'discard' }, 400, /^Say which letters are to be discarded/],
    [{ action: 'forget' }, 400, /^action: must be replay or discard$/],
    [{ action: 'replay', event: 3 }, 400, /^event: must be text$/],
    [{ action: 'replay', target: 'gone' }, 409, /is no longer in the config/],
    [{ action: 'replay', id: 'mine' }, 400, /^id: must be the id of a job/],
  ])('a job is not begun by a body that is not valid (%#)', async (sent, status, message) => {
    const refused = await fakeAdmin().post('/dead-letters/jobs', sent)
    expect([refused.status, refused.body.message]).toEqual([status, expect.stringMatching(message)])
  })
})

test('what changes something is noted with who did it, also where it failed, and what only reads is not', async () => {
  const admin = fakeAdmin({ letters: { 'webhook:0': [{}] } })
  await admin.call('/dead-letters')
  await admin.post('/dead-letters/webhook:0:1/dry-run')
  await admin.post('/dead-letters/replay', { ids: ['webhook:0:1'] })
  await admin.post('/dead-letters/webhook:0:1/replay')
  const { body } = await admin.call('/actions?limit=9')
  expect(body.actions).toMatchObject([
    { number: 2, by: 'admin', action: 'POST /admin/dead-letters/webhook:0:1/replay', status: 404 },
    { number: 1, action: 'POST /admin/dead-letters/replay', status: 200, about: '{"ids":["webhook:0:1"]}' },
  ])
  expect((await admin.call('/actions?before=2')).body.actions).toHaveLength(1)
})

test('an export that cannot read a lane breaks off, so that nobody takes a part for the whole', async () => {
  const letters = { 'webhook:0': Array.from({ length: 120 }, () => ({})), 'webhook:1': [{}] }
  const whole = fakeAdmin({ partitions: 2, letters })
  const { admin } = await import('../../src/admin/app.ts')
  const read = (context: typeof whole.context) =>
    Promise.resolve(
      admin.fetch(
        new Request('http://edge.test/dead-letters/export', {
          headers: { authorization: 'Bearer correct-horse-battery-staple' },
        }),
        context,
      ),
    ).then((answer) => answer.text())
  const lines = (await read(whole.context)).trim().split('\n')
  expect(lines).toHaveLength(121)
  expect(new Set(lines.map((line) => (JSON.parse(line) as { id: string }).id)).size).toBe(121)
  await expect(read(fakeAdmin({ partitions: 2, letters, broken: ['webhook:1'] }).context)).rejects.toThrow('webhook:1')
})

describe('a named token', () => {
  const resolve = (admin: Config['admin']) =>
    resolveConfig(
      () => ({
        stream: fakeStream().stream,
        sources: { shop: { writeKey: 'keyOfTheShop' } },
        ...(admin === undefined ? {} : { admin }),
      }),
      {},
    )

  test('a named token opens the admin API alone, too', () => {
    const { adminToken, adminTokens } = resolve({ tokens: { ada: 'token-of-ada-lovelace', grace: undefined } })
    expect([adminToken, [...(adminTokens ?? [])]]).toEqual([
      'token-of-ada-lovelace',
      [['ada', 'token-of-ada-lovelace']],
    ])
  })

  test.each([
    [{ tokens: { ada: 'short' } }, 'admin.tokens.ada: must have at least 16 characters'],
    [{ tokens: { 'ada lovelace': 'token-of-ada-lovelace' } }, '"ada lovelace" must be a name of letters'],
    [{ token: 'token-of-ada-lovelace', tokens: { ada: 'token-of-ada-lovelace' } }, 'the same token stands there twice'],
    [{ tokens: { ada: 3 } }, 'admin.tokens.ada'],
  ])('a named token that is not good is a problem of the config (%#)', (admin, problem) => {
    expect(() => resolve(admin as Config['admin'])).toThrow(problem)
  })
})

test('differences name each part that is not as it was, by its place', () => {
  const before = { url: 'https://a.example', headers: { a: '1', b: '2' }, body: { list: [1, 2], 'x/y': 1, same: {} } }
  const after = { url: 'https://b.example', headers: { a: '1' }, body: { list: [1, 3, 4], 'x/y': 2, same: {} } }
  expect(differencesOf(before, after)).toEqual([
    { path: '/url', before: 'https://a.example', after: 'https://b.example' },
    { path: '/headers/b', before: '2' },
    { path: '/body/list/1', before: 2, after: 3 },
    { path: '/body/list/2', after: 4 },
    { path: '/body/x~1y', before: 1, after: 2 },
  ])
})

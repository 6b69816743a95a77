import { describe, expect, test } from 'vitest'
import type { Deletion, SuppressionRpc } from '../../src/core/bindings.ts'
import { SuppressionList } from '../../src/admission/suppression-list.ts'
import { Sqlite } from '../support/sqlite.ts'
import { fakeAdmin, now } from './fake-admin.ts'

function adminWithList(broken = false) {
  const list = new SuppressionList(new Sqlite().open())
  const deletions: Deletion[] = []
  const suppression: SuppressionRpc = {
    add: async (users) => {
      if (broken) throw new Error('R2 said: secret of the bucket')
      list.add(users, now)
    },
    remove: async (users) => list.remove(users),
    list: async (query) => list.list(query),
    find: async (users) => list.find(users),
    snapshot: async () => list.snapshot,
    deleteAt: async (users, destinations) => {
      if (broken) throw new Error('R2 said: secret of the bucket')
      for (const { kind, id } of users)
        for (const destination of destinations)
          deletions.push({ destination, kind, id, state: 'waiting', askedAt: now, attempts: 0, nextAttemptAt: now })
      return deletions
    },
    deletions: async ({ after = '', limit }) =>
      deletions.filter(({ destination, kind, id }) => `${destination}:${kind}:${id}` > after).slice(0, limit),
  }
  return fakeAdmin({ suppression })
}

const users = (...ids: string[]) => ({ users: ids.map((id) => ({ kind: 'userId', id })) })

describe('the list of suppressed users', () => {
  test('the list of suppressed users takes users, tells who is on it, and lets them go', async () => {
    const { call, post } = adminWithList()
    expect((await post('/suppression', users('ada', 'grace'))).body).toEqual({ success: true })
    await post('/suppression', { users: [{ kind: 'anonymousId', id: ' anon-ada ' }] })
    expect((await call('/suppression')).body).toEqual({
      users: [
        { kind: 'anonymousId', id: 'anon-ada', at: now },
        { kind: 'userId', id: 'ada', at: now },
        { kind: 'userId', id: 'grace', at: now },
      ],
    })
    expect((await post('/suppression/remove', users('ada', 'nobody'))).body).toEqual({ success: true, removed: 1 })
    expect((await call('/suppression')).body.users).toHaveLength(2)
  })

  test('the list of suppressed users says whether one user is on it', async () => {
    const { call, post } = adminWithList()
    await post('/suppression', users('ada'))
    expect((await call('/suppression/check?userId=ada&anonymousId=a-1')).body).toEqual({
      suppressed: true,
      users: [{ kind: 'userId', id: 'ada', at: now }],
    })
    expect((await call('/suppression/check?anonymousId=ada')).body).toEqual({ suppressed: false, users: [] })
    expect((await call('/suppression/check')).status).toBe(400)
  })

  test('the list of suppressed users comes in pages, each told by the cursor of the one before', async () => {
    const { call, post } = adminWithList()
    const ids = ['a&b', 'a:b', 'c d', 'e', 'Ä']
    await post('/suppression', users(...ids))
    const pages: string[] = []
    let cursor: string | undefined
    do {
      const { body } = await call(
        `/suppression?limit=2${cursor === undefined ? '' : `&after=${encodeURIComponent(cursor)}`}`,
      )
      pages.push(...body.users.map(({ id }: { id: string }) => id))
      cursor = body.cursor
    } while (cursor !== undefined)
    expect(pages).toEqual(ids)
  })

  test.each<[string, string, unknown, string]>([
    ['no users', '/suppression', { users: [] }, 'users: must be {"users"'],
    [
      'a kind that there is not',
      '/suppression',
      { users: [{ kind: 'email', id: 'a' }] },
      'must be userId or anonymousId',
    ],
    ['an empty id', '/suppression', { users: [{ kind: 'userId', id: ' ' }] }, 'must not be empty'],
    [
      'an id that is a number',
      '/suppression/remove',
      { users: [{ kind: 'userId', id: 7 }] },
      'users.0.id: must be text',
    ],
    ['too many', '/suppression', users(...Array.from({ length: 1_001 }, (_, i) => `u${i}`)), 'at most 1000'],
    ['a destination that there is not', '/suppression', { ...users('ada'), delete: ['crm'] }, 'there are webhook'],
    ['an order that is none', '/suppression', { ...users('ada'), delete: 'webhook' }, 'delete: must be true, for all'],
    [
      'too many deletions',
      '/suppression',
      { ...users(...Array.from({ length: 101 }, (_, i) => `u${i}`)), delete: true },
      'At most 100 users',
    ],
    ['a field too many', '/suppression/remove', { ...users('ada'), all: true }, 'must be {"users"'],
  ])('the list of suppressed users refuses a change with %s', async (_what, path, body, message) => {
    const answer = await adminWithList().post(path, body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ success: false, code: 'bad_request' })
    expect(answer.body.message).toContain(message)
  })

  test('users are deleted at the destinations that a call names, and pages tell what became of it', async () => {
    const { call, post } = adminWithList()
    const ada = { kind: 'userId', id: 'ada', email: ' ada@example.com ' }
    const { body } = await post('/suppression', { users: [ada], delete: ['webhook'] })
    expect(body).toMatchObject({ success: true, deletions: [{ destination: 'webhook', id: 'ada', state: 'waiting' }] })
    await post('/suppression', { ...users('grace', 'hedy'), delete: ['webhook'] })
    expect((await post('/suppression', { ...users('mary'), delete: false })).body).toEqual({ success: true })
    const first = (await call('/suppression/deletions?limit=2')).body
    expect(first.deletions.map(({ id }: Deletion) => id)).toEqual(['ada', 'grace'])
    const second = (await call(`/suppression/deletions?limit=2&after=${first.cursor}`)).body
    expect(second.deletions.map(({ id }: Deletion) => id)).toEqual(['hedy'])
    expect(second.cursor).toBeUndefined()
    expect((await call('/suppression/deletions?after=ada')).status).toBe(400)
  })

  test('users are deleted at the warehouses, too, when a call means all or names one', async () => {
    const { post } = adminWithList()
    const { deletions } = (await post('/suppression', { ...users('ada'), delete: true })).body
    expect(deletions.map(({ destination }: Deletion) => destination)).toEqual(
      expect.arrayContaining(['webhook', 'tables']),
    )
    const { body } = await adminWithList().post('/suppression', { ...users('ada'), delete: ['tables'] })
    expect(body.deletions).toMatchObject([{ destination: 'tables', id: 'ada', state: 'waiting' }])
  })

  test.each(['/suppression?after=ada', '/suppression?limit=0', '/suppression?limit=1001'])(
    'the list of suppressed users refuses to be read at %s',
    async (path) => {
      expect((await adminWithList().call(path)).status).toBe(400)
    },
  )

  test('the list of suppressed users is shown to nobody without the token', async () => {
    const { call } = adminWithList()
    expect((await call('/suppression', { bearer: null })).status).toBe(401)
    expect((await call('/suppression', { method: 'POST', body: '{}', bearer: 'wrong' })).status).toBe(401)
  })

  test('the list of suppressed users answers 503 when it, or its copy, fails: the call is to be repeated', async () => {
    const answer = await adminWithList(true).post('/suppression', users('ada'))
    expect(answer.status).toBe(503)
    expect(answer.body).toMatchObject({ success: false, code: 'stream_unavailable' })
    expect(answer.text).not.toContain('bucket')
  })
})

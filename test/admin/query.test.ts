import { describe, expect, test } from 'vitest'
import { fakeAdmin } from './fake-admin.ts'

/** Every route, with the names that its query may have. */
const routes: readonly (readonly [verb: string, path: string, known: readonly string[]])[] = [
  ['GET', '/dead-letters', ['target', 'stage', 'cause', 'event', 'user', 'from', 'to', 'messageId']],
  ['GET', '/dead-letters/causes', ['target', 'stage']],
  ['GET', '/dead-letters/export', ['target', 'stage', 'cause', 'event', 'user', 'from', 'to']],
  ['POST', '/dead-letters/jobs', []],
  ['POST', '/dead-letters/webhook:0:1/dry-run', []],
  ['POST', '/history', []],
  ['GET', '/jobs', []],
  ['GET', '/jobs/a-job', []],
  ['POST', '/jobs/a-job/cancel', []],
  ['GET', '/actions', ['before', 'limit']],
  ['POST', '/dead-letters/replay', []],
  ['POST', '/dead-letters/discard', []],
  ['GET', '/dead-letters/webhook:0:1', []],
  ['PUT', '/dead-letters/webhook:0:1', []],
  ['PATCH', '/dead-letters/webhook:0:1', []],
  ['DELETE', '/dead-letters/webhook:0:1', []],
  ['POST', '/dead-letters/webhook:0:1/replay', []],
  ['GET', '/lanes', []],
  ['POST', '/lanes/webhook/0/resume', []],
  ['POST', '/lanes/webhook/resume', []],
  ['POST', '/lanes/webhook/pause', []],
  ['POST', '/lanes/webhook/drain', []],
  ['POST', '/lanes/webhook/skip', []],
  ['GET', '/warehouses', []],
  ['GET', '/warehouses/tables/sql', ['q', 'source']],
  ['GET', '/warehouses/tables/unreadable', []],
  ['GET', '/warehouses/tables/unreadable/0:100-102', ['after', 'limit']],
  ['PUT', '/warehouses/tables/unreadable/0:100-102', []],
  ['DELETE', '/warehouses/tables/unreadable/0:100-102', []],
  ['POST', '/warehouses/tables/unreadable/0:100-102/load', []],
  ['GET', '/warehouses/tables', []],
  ['GET', '/warehouses/tables/syncs', ['before', 'limit']],
  ['POST', '/warehouses/tables/load', []],
  ['POST', '/warehouses/tables/retry', []],
  ['GET', '/log', []],
  ['GET', '/events', ['limit']],
  ['GET', '/trace/order-1843', ['source', 'preview']],
  ['GET', '/spill', []],
  ['GET', '/suppression', ['after', 'limit']],
  ['POST', '/suppression', []],
  ['POST', '/suppression/remove', []],
  ['GET', '/suppression/check', ['userId', 'anonymousId']],
  ['GET', '/suppression/deletions', ['after', 'limit']],
  ['POST', '/transformations/test', []],
  ['POST', '/transformations/testRun', []],
  ['POST', '/transformations/drop-bots/test', []],
  ['POST', '/transformations/drop-bots/diff', []],
  ['POST', '/sweep', []],
  ['GET', '/kafka', ['topic', 'group']],
  ['DELETE', '/kafka/groups/inventory', []],
  ['POST', '/kafka/groups/inventory/offsets', []],
  ['DELETE', '/kafka/topics/orders', []],
  ['GET', '/sources', []],
  ['GET', '/stream', []],
]

describe('the query of a call of the admin API', () => {
  test.each(routes)(
    '%s %s refuses a parameter that it does not know, and lists those that it knows',
    async (...route) => {
      const [method, path, known] = route
      const { call, lane } = fakeAdmin({ letters: { 'webhook:0': [{}] } })
      const { status, body } = await call(`${path}?taget=webhook`, { method })
      expect([status, body.code]).toEqual([400, 'bad_request'])
      expect(body.message).toMatch(/^There is no query parameter "taget"[:;]/)
      if (known.length > 0) expect(body.message).toContain(`this call takes ${known.join(', ')}`)
      else expect(body.message).toContain('this call takes none')
      expect(body.message.includes('the body')).toBe(known.length === 0 && ['POST', 'PUT', 'PATCH'].includes(method))
      expect([lane('webhook:0').letters.length, lane('webhook:0').resumed]).toEqual([1, 0])
    },
  )

  test('the routes of this test are all that there are', async () => {
    const { readSource } = await import('../support/documents.ts')
    const verbs = Array.from(readSource('src/admin/app.ts').matchAll(/\b(?:GET|POST|PUT|PATCH|DELETE): \w+/g))
    expect(routes).toHaveLength(verbs.length)
  })

  test('a query names all of its unknown parameters at once', async () => {
    const { body } = await fakeAdmin().call('/dead-letters?taget=webhook&limit=1&page=2')
    expect(body.message).toMatch(/^There are no query parameters "taget", "page":/)
  })

  test('a query that gives a parameter twice is refused, since only one of the two could be meant', async () => {
    const { status, body } = await fakeAdmin().call('/dead-letters?stage=load&stage=delivery')
    expect([status, body.message]).toEqual([400, 'The query gives "stage" more than once; give it once.'])
  })

  test.each([
    ['PUT', '/dead-letters/webhook:0:1', { event: {}, messageId: 'order-1' }],
    ['POST', '/dead-letters/discard', { ids: ['webhook:0:1'], target: 'webhook' }],
    ['POST', '/dead-letters/replay', { all: true, taget: 'webhook' }],
  ])('%s %s refuses a body with a field that it does not know, and changes nothing', async (method, path, sent) => {
    const { call, lane } = fakeAdmin({ letters: { 'webhook:0': [{}] } })
    const { status, body } = await call(path, { method, body: JSON.stringify(sent) })
    expect([status, body.message]).toEqual([400, expect.stringMatching(/^must be \{/)])
    expect(lane('webhook:0').letters).toMatchObject([{ edited: false }])
  })

  test.each([
    [{ events: 3 }, 'events: must be a list'],
    [{ events: [{ userId: 'ada' }] }, 'events.0.message: must be an object'],
    [{ evnts: [] }, 'has no "evnts"'],
    [[], 'must be an object'],
  ])('a body that is %j is told what its fields must be', async (sent, message) => {
    const { status, body } = await fakeAdmin().call('/transformations/test', {
      method: 'POST',
      body: JSON.stringify(sent),
    })
    expect([status, body.message]).toEqual([400, message])
  })

  test.each([
    ['POST', '/dead-letters/webhook:0:1/replay', { event: { type: 'track', event: 'Order Completed' } }],
    ['DELETE', '/dead-letters/webhook:0:1', { ids: ['webhook:0:2'] }],
    ['POST', '/lanes/webhook/0/resume', { target: 'crm' }],
    ['POST', '/warehouses/tables/load', 'analytics'],
    ['POST', '/sweep', { all: true }],
  ])('%s %s refuses a body, which it would not read, and does nothing', async (method, path, sent) => {
    const { call, lane } = fakeAdmin({ letters: { 'webhook:0': [{}] } })
    const { status, body } = await call(path, { method, body: JSON.stringify(sent) })
    expect([status, body.code]).toEqual([400, 'bad_request'])
    expect(body.message).toBe(
      'This call takes no body: send it without one. An event is edited with PUT /admin/dead-letters/:id.',
    )
    expect([lane('webhook:0').letters.length, lane('webhook:0').resumed, lane('webhook:0').poked]).toEqual([1, 0, 0])
  })

  test('every handler that reads a body says so, or its calls would be refused', async () => {
    const { filesOf, readSource } = await import('../support/documents.ts')
    const text = filesOf('src/admin/*.ts').map(readSource).join('\n')
    const handlers = text.split(/^export async function /m).filter((one) => /\bbodyOf\(c, /.test(one))
    expect(handlers.length).toBeGreaterThan(4)
    for (const one of handlers) {
      const [name = ''] = one.split('(')
      expect(text).toContain(`${name}.takesBody = true`)
    }
  })

  test.each(['', ' ', '{}', 'null'])('a body that says nothing, such as %j, is none', async (text) => {
    const { status } = await fakeAdmin().call('/sweep', { method: 'POST', body: text })
    expect(status).toBe(200)
  })

  test('a stranger is told nothing of what a query may have', async () => {
    expect((await fakeAdmin().call('/dead-letters?taget=webhook', { bearer: null })).status).toBe(401)
  })

  test.each(routes.filter(([, , known]) => known.length > 0))(
    '%s %s takes every parameter that it lists',
    async (method, path, known) => {
      const values: Readonly<Record<string, string>> = {
        limit: '5',
        stage: 'load',
        after: 'userId:ada',
        source: 'shop',
      }
      for (const name of known.filter((one) => one !== 'cursor')) {
        const { body } = await fakeAdmin().call(`${path}?${name}=${values[name] ?? 'webhook'}`, { method })
        expect([name, body?.message ?? '']).toEqual([name, expect.not.stringContaining('query parameter')])
      }
    },
  )
})

// Destinations of the library `@segment/action-destinations` on the real bundle: what a user imports runs in workerd.
import { expect, test } from 'vitest'
import type { Deletion } from '../../src/core/bindings.ts'
import type { DryRun } from '../../src/core/dead-letter.ts'
import type { Server } from '../support/server.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let server: Server
type Name = 'hook' | 'klime' | 'absmartly' | 'ledger' | 'archive' | 'tokens' | 'guarded' | 'push'
let sinks: Readonly<Record<Name, Sink>>

serveWithSinks(
  {
    config: 'library.config.ts',
    sinks: {
      HOOK: 'hook',
      KLIME: 'klime',
      ABSMARTLY: 'absmartly',
      LEDGER: 'ledger',
      ARCHIVE: 'archive',
      TOKENS: 'tokens',
      GUARDED: 'guarded',
      PUSH: 'push',
    },
  },
  (served) => {
    ;({ server, sinks } = served)
  },
)

const orders = ['ada', 'grace', 'mary'].map((userId, i) => ({
  type: 'track',
  event: 'Order Completed',
  messageId: `order-${i + 1}`,
  userId,
  properties: { order_id: `${i + 1}`, total: 18.42 },
}))

const bodiesOf = (sink: Sink): unknown[] => sink.received.map(({ body }) => JSON.parse(body) as unknown)

test('destinations of the library run in workerd: presets and mappings, batches, signatures, and a retry of what failed', async () => {
  // The first batch is not taken: all of it comes again.
  let refused = 0
  sinks.klime.answer = () => (refused++ === 0 ? { status: 503 } : { status: 200 })
  const { status } = await server.post('/v1/batch', { batch: orders })
  expect(status).toBe(200)

  const ids = (sink: Sink) => JSON.stringify(bodiesOf(sink))
  await until('the orders at the webhook', () =>
    orders.every(({ properties }) => ids(sinks.hook).includes(`"order_id":"${properties.order_id}"`)),
  )
  const taken = () => sinks.klime.received.filter(({ status: answer }) => answer === 200).map(({ body }) => body)
  await until('the retry', () => orders.every(({ messageId }) => taken().some((body) => body.includes(messageId))))
  await until('the goals', () => sinks.absmartly.received.length >= orders.length)

  // Its batches are signed with HMAC-SHA1, by the library's code.
  for (const { headers, body } of sinks.hook.received) {
    expect(Array.isArray(JSON.parse(body))).toBe(true)
    expect(headers['x-signature']).toMatch(/^[0-9a-f]{40}$/)
    expect(headers['user-agent']).toBe('Sluiceway')
  }
  expect(sinks.klime.received[0]?.headers['authorization']).toBe('Bearer klime-1842')
  for (const { messageId } of orders) expect(taken().filter((body) => body.includes(messageId))).toHaveLength(1)
  expect(sinks.absmartly.received[0]?.headers['x-api-key']).toBe('absmartly-1842')

  const isDone = async () => {
    const lanes = await Promise.all(['hook', 'klime', 'absmartly'].map(async (name) => server.lane(name)))
    return lanes.every(({ counters }) => counters['done'] === orders.length)
  }
  await until('all outcomes', isDone)
})

const track = (event: string, messageId: string, properties: object, to: string) => ({
  type: 'track',
  event,
  messageId,
  userId: 'ada',
  properties,
  integrations: { All: false, [to]: true },
})

test('a dead letter is replayed to the mapping that failed alone, as its dry-run says, without the fields that are kept back', async () => {
  sinks.ledger.answer = () => ({ status: 422, body: 'no such account' })
  const split = { order_id: '7', country: 'GB', margin: 0.4 }
  await server.post('/v1/batch', {
    batch: [
      track('Split Paid', 'split-1', split, 'Pair'),
      track('Split Paid', 'split-2', { ...split, country: 'FR' }, 'Pair'),
      track('Split Refunded', 'split-3', split, 'Pair'),
      track('Paid', 'split-4', split, 'Pair'),
    ],
  })
  const letters = async () => (await server.deadLetters()).filter(({ target }) => target === 'pair')
  await until('the letter', async () => (await letters()).length === 1)
  const [letter] = await letters()
  expect(letter).toMatchObject({
    messageId: 'split-1',
    reason: expect.stringMatching(/^ledger: HTTP 422: .*no such account/),
  })
  expect(letter).not.toHaveProperty('rest')
  const kept = { order_id: '7', country: 'GB' }
  expect([bodiesOf(sinks.ledger), bodiesOf(sinks.archive)]).toEqual([[kept], [kept]])
  const { counters } = await server.lane('pair')
  // Those of the test before are not for it, either.
  expect(counters).toMatchObject({ 'skip: filtered': orders.length + 3, dead: 1 })

  const { dryRun } = await server.admin<{ dryRun: DryRun }>(`/dead-letters/${letter?.id}/dry-run`, { method: 'POST' })
  expect(dryRun.outcome).toBe('send')
  expect(dryRun.requests?.[0]?.sent).toMatch(/^\{"owed":\["ledger"\],"dead":\[\],"taken":\["archive"\]\}\n/)

  sinks.ledger.answer = () => undefined
  await server.admin('/dead-letters/replay', { method: 'POST', body: JSON.stringify({ ids: [letter?.id] }) })
  await until('the replay', () => sinks.ledger.received.length === 2)
  await until('its outcome', async () => (await server.lane('pair')).counters['done'] === 1)
  expect(sinks.archive.received).toHaveLength(1)
})

test('tokens that have run out are renewed once, and still kept after a restart', async () => {
  let renewals = 0
  sinks.tokens.answer = () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ access_token: `access-${++renewals + 1}`, refresh_token: `refresh-${renewals + 1}` }),
  })
  sinks.guarded.answer = () => ({ status: sinks.guarded.received.length === 0 ? 401 : 200 })
  const used = () => sinks.guarded.received.map(({ headers }) => headers['authorization'])
  await server.post('/v1/batch', { batch: [track('Token Spent', 'token-1', { n: 1 }, 'OAuth')] })
  await until('the event', () => sinks.guarded.received.length === 2)
  await until('its outcome', async () => (await server.lane('oauth')).counters['done'] === 1)
  await server.restart()
  await server.post('/v1/batch', { batch: [track('Token Spent', 'token-2', { n: 2 }, 'OAuth')] })
  // What was sent in the last second before the restart may come again.
  await until('the next event', () => sinks.guarded.received.some(({ body }) => body === '{"n":2}'))
  expect([...new Set(used())]).toEqual(['Bearer access-1', 'Bearer access-2'])
  expect(used().filter((one) => one === 'Bearer access-1')).toHaveLength(1)
  expect(sinks.tokens.received).toHaveLength(1)
  expect(sinks.tokens.received[0]?.body).toContain('refresh_token=refresh-1')
})

test('a user is deleted at the vendor by the code that the destination has for it', async () => {
  const users = [{ kind: 'userId', id: 'ada' }]
  const asked = { users, delete: ['push', 'hook'] }
  const told = await server.admin<{ deletions: Deletion[] }>('/suppression', {
    method: 'POST',
    body: JSON.stringify(asked),
  })
  expect(told.deletions.map(({ destination, state }) => [destination, state])).toEqual([
    ['push', 'waiting'],
    ['hook', 'unsupported'],
  ])
  await until('the deletion', () => sinks.push.received.length === 1)
  expect(bodiesOf(sinks.push)).toEqual([{ userId: 'ada' }])
  expect(sinks.push.received[0]?.headers['authorization']).toMatch(/^Basic /)
  const list = async () => (await server.admin<{ deletions: Deletion[] }>('/suppression/deletions')).deletions
  await until('its outcome', async () => (await list()).some(({ state }) => state === 'done'))
})

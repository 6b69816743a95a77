import { expect, test } from 'vitest'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { withRpcLimit } from '../support/limited-rpc.ts'
import { plainOrder, receivedAt } from '../support/sample-events.ts'
import { Sqlite } from '../support/sqlite.ts'
import { fakeAdmin, now } from './fake-admin.ts'

// One call to an object carries 32 MiB; dead letters and events of a log may be more.

const kilobytes = 'Ω'.repeat(600_000)

/** 102 events of 600,000 characters, too large to be taken, in the lane of a destination. */
function adminWithLargeLetters() {
  const letters = new DeadLetters(new Sqlite().open(), { target: 'webhook', partition: 0 })
  for (let i = 1; i <= 102; i++)
    letters.add(
      {
        stage: 'delivery',
        messageId: `order-${i}`,
        source: 'shop',
        key: 'ada',
        reason: 'HTTP 400',
        code: 'http_400',
        receivedAt,
        event: JSON.stringify(plainOrder(`order-${i}`, { properties: { note: kilobytes } })),
        attempts: [],
      },
      now + i,
    )
  const admin = fakeAdmin()
  const { LANE } = admin.context.bindings
  const own = withRpcLimit({
    ...LANE.getByName('webhook:0'),
    letters: async (_ref: object, query: Parameters<DeadLetters['list']>[0]) => letters.list(query),
    status: async () => ({ ...(await admin.lane('webhook:0').status()), deadLetters: letters.count }),
    replay: async (_ref: object, numbers: readonly number[]) => numbers.filter((number) => letters.remove(number)),
  })
  Object.assign(admin.context.bindings, {
    LANE: { getByName: (name: string) => (name === 'webhook:0' ? own : LANE.getByName(name)) },
  })
  return admin
}

test('a list of dead letters of 600 KB each comes in pages that have all of them', async () => {
  const admin = adminWithLargeLetters()
  const seen: string[] = []
  let cursor: string | undefined = ''
  for (let page = 0; cursor !== undefined && page < 50; page++) {
    const { status, body, text } = await admin.call(`/dead-letters${cursor === '' ? '' : `?cursor=${cursor}`}`)
    expect(status).toBe(200)
    expect(body.failures).toEqual([])
    expect(text.length).toBeLessThan(10_000_000)
    seen.push(...body.deadLetters.map(({ messageId }: { messageId: string }) => messageId))
    ;({ cursor } = body)
  }
  expect(seen).toEqual(Array.from({ length: 102 }, (_, i) => `order-${102 - i}`))
})

test('replay of all replays large letters, too', async () => {
  const { status, body } = await adminWithLargeLetters().post('/dead-letters/replay', { all: true })
  expect([status, body.replayed.length, body.remaining, body.failures]).toEqual([200, 102, 0, []])
})

test.each(['/dead-letters?target=webhook', '/events', '/log'])(
  'GET %s is 503 with the reasons, and no empty list, when nothing could be read',
  async (path) => {
    const { status, body } = await fakeAdmin({ broken: ['webhook:0', 'log 0'] }).call(path)
    expect([status, body.code]).toEqual([503, 'stream_unavailable'])
    expect(body.message).toContain('does not answer')
  },
)

test('the newest events of a log are as many as fit one answer', async () => {
  const event = (n: number) => plainOrder(`order-${n}`, { receivedAt, properties: { note: kilobytes } })
  const admin = fakeAdmin({ log: [Array.from({ length: 40 }, (_, i) => [{ event: event(i) }])] })
  const { status, body } = await admin.call('/events?limit=100')
  expect(status).toBe(200)
  const ids = body.events.map(({ offset }: { offset: number }) => offset)
  expect(ids.length).toBeGreaterThan(10)
  expect(ids.length).toBeLessThan(16)
  expect(ids[0]).toBe(39)
})

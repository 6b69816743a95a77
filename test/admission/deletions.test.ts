import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { brevo } from '../../destinations/brevo.ts'
import { http } from '../../destinations/http.ts'
import { mailchimp } from '../../destinations/mailchimp.ts'
import { metaConversions } from '../../destinations/meta-conversions.ts'
import { Deletions, type DeletionStorage } from '../../src/admission/deletions.ts'
import type { ErasureStatus } from '../../src/core/bindings.ts'
import type { Destination } from '../../src/core/destination.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import { fakePort, now } from '../support/fake-context.ts'

/** The key-value storage of an object: sorted by key, and values are copies. */
class FakeStorage {
  readonly values = new Map<string, string>()
  alarm: number | undefined

  async get(key: string) {
    const text = this.values.get(key)
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  }
  async put(entries: Readonly<Record<string, unknown>>) {
    for (const [key, value] of Object.entries(entries)) this.values.set(key, JSON.stringify(value))
  }
  async delete(key: string) {
    return this.values.delete(key)
  }
  async list({ prefix = '', startAfter = '', end = '\uffff', limit = Infinity }: DurableObjectListOptions) {
    const keys = [...this.values.keys()].filter((key) => key.startsWith(prefix) && key > startAfter && key < end)
    return new Map(
      keys
        .toSorted()
        .slice(0, limit)
        .map((key) => [key, JSON.parse(this.values.get(key) ?? '') as unknown]),
    )
  }
  async setAlarm(at: number) {
    this.alarm = at
  }
}

let server: Server
let sink = ''
let arrived: string[] = []
let answer: (response: ServerResponse, url: string) => void

beforeAll(async () => {
  server = createServer((request, response) => {
    arrived.push(`${request.method} ${request.url}`)
    answer(response, request.url ?? '')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  sink = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  arrived = []
  answer = (response) => void response.writeHead(204).end()
})

/** What the archive says when it is asked. */
let erasure: ErasureStatus = { isDone: false }
let erasing: unknown[] = []

function deletionsOf(destinations: Readonly<Record<string, Destination>>, storage = new FakeStorage()) {
  const clock = { now }
  const logged: string[] = []
  const port = fakePort({
    now: () => clock.now,
    log: (_level, message) => void logged.push(message),
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url)
      return fetch(`${sink}${pathname}${search}`, { method: request.method, signal: request.signal })
    },
  })
  const targets = new Map(
    Object.entries(destinations).map(([name, use]) => [
      name,
      { kind: 'destination', name, displayName: name, route: { use } } as Target,
    ]),
  )
  targets.set('tables', { kind: 'warehouse', name: 'tables', displayName: 'd1', route: {} } as unknown as Target)
  targets.set('@archive', { kind: 'archive', name: '@archive', displayName: '@archive', route: {} })
  const erase = async (user: object, from: string) => {
    erasing.push({ ...user, from })
    return erasure
  }
  const deletions = new Deletions(storage as unknown as DeletionStorage, () => ({
    targets,
    port,
    erase,
    credentialsOf: () => ({ credentials: { current: async () => 'kept-1842', renew: async () => 'kept-1843' } }),
  }))
  return { deletions, storage, clock, logged }
}

const ada = { kind: 'userId', id: 'ada', email: 'ada@example.com' } as const
const shop = { apiKey: '0123456789abcdef-us21', audienceId: '26d8e9db1e' }

test('a user is deleted at each destination that can, and it is told of one that cannot', async () => {
  const { deletions, storage } = deletionsOf({
    mail: mailchimp(shop),
    people: http({ url: 'https://api.ada.dev/events', forgetUrl: 'https://api.ada.dev/people/${userId}' }),
    ads: metaConversions({ pixelId: '1234567890', accessToken: 'EAAB' }),
  })
  const asked = await deletions.ask([ada], ['mail', 'people', 'ads'])
  expect(asked.map(({ destination, state }) => [destination, state])).toEqual([
    ['mail', 'waiting'],
    ['people', 'waiting'],
    ['ads', 'unsupported'],
  ])
  expect(storage.alarm).toBe(now)
  await deletions.run()
  expect(arrived.toSorted()).toEqual([
    'DELETE /people/ada',
    'POST /3.0/lists/26d8e9db1e/members/ada%40example.com/actions/delete-permanent',
  ])
  expect(
    (await deletions.list({ limit: 10 })).map(({ destination, state, attempts }) => [destination, state, attempts]),
  ).toEqual([
    ['ads', 'unsupported', 0],
    ['mail', 'done', 1],
    ['people', 'done', 1],
  ])
  expect([...storage.values.values()].join()).not.toContain('ada@example.com')
})

test('the archive is asked how an erasure is going until it is done, with the time of the call', async () => {
  const { deletions, storage, clock } = deletionsOf({})
  erasing = []
  erasure = { isDone: false, reason: '20 objects of partition 0 are done' }
  expect(await deletions.ask([ada], ['@archive'])).toMatchObject([{ destination: '@archive', state: 'waiting' }])
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([
    { destination: '@archive', state: 'waiting', attempts: 1, reason: '20 objects of partition 0 are done' },
  ])
  // It takes as long as it takes.
  clock.now += 30 * 86_400_000
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([{ state: 'waiting', attempts: 2 }])
  erasure = { isDone: true }
  clock.now = storage.alarm ?? 0
  await deletions.run()
  const [done] = await deletions.list({ limit: 10 })
  expect([done?.state, done?.reason, done?.attempts]).toEqual(['done', undefined, 3])
  expect(erasing).toEqual(
    Array.from({ length: 3 }, () => ({ kind: 'userId', id: 'ada', askedAt: now, from: '@archive' })),
  )
})

test('a deletion that gets no answer or a 429 is tried again, across a restart, until it is done', async () => {
  const destinations = { brevo: brevo({ apiKey: 'key-of-ada' }) }
  const first = deletionsOf(destinations)
  answer = (response) => void response.destroy()
  await first.deletions.ask([{ kind: 'userId', id: 'ada' }], ['brevo'])
  await first.deletions.run()
  const [waiting] = await first.deletions.list({ limit: 10 })
  expect(waiting).toMatchObject({ state: 'waiting', attempts: 1 })
  expect(waiting?.reason).toContain('no answer')
  answer = (response) => void response.writeHead(429, { 'retry-after': '600' }).end()
  const again = deletionsOf(destinations, first.storage)
  again.clock.now = first.storage.alarm ?? 0
  await again.deletions.run()
  expect(first.storage.alarm).toBe(again.clock.now + 600_000)
  again.clock.now += 599_000
  await again.deletions.run()
  expect(arrived).toHaveLength(2)
  answer = (response) => void response.writeHead(204).end()
  again.clock.now += 1_000
  await again.deletions.run()
  expect(await again.deletions.list({ limit: 10 })).toMatchObject([{ state: 'done', attempts: 3 }])
  expect([...first.storage.values.keys()].filter((key) => key.startsWith('due:'))).toEqual([])
})

test('an outage of one vendor does not keep a user from being deleted at another', async () => {
  answer = (response, url) => {
    if (url.startsWith('/down')) response.destroy()
    else response.writeHead(200).end()
  }
  const of = (path: string) =>
    http({ url: 'https://api.ada.dev/', forgetUrl: `https://api.ada.dev/${path}/\${userId}` })
  const { deletions } = deletionsOf({ down: of('down'), up: of('up') })
  await deletions.ask([ada], ['down', 'up'])
  await deletions.run()
  expect((await deletions.list({ limit: 10 })).map(({ state }) => state)).toEqual(['waiting', 'done'])
})

test('a deletion fails with what is missing, or with the status of the vendor, and can be asked for again', async () => {
  const { deletions, logged } = deletionsOf({ mail: mailchimp(shop), brevo: brevo({ apiKey: 'key-of-ada' }) })
  answer = (response) => void response.writeHead(400).end()
  await deletions.ask([{ kind: 'userId', id: 'ada' }], ['mail', 'brevo'])
  await deletions.run()
  expect((await deletions.list({ limit: 10 })).map(({ state, reason }) => [state, reason])).toEqual([
    ['failed', 'HTTP 400'],
    ['failed', 'Mailchimp deletes by the email of a user: give it, too'],
  ])
  expect(logged).toEqual(['a user was not deleted at a destination'])
  answer = (response) => void response.writeHead(404).end()
  await deletions.ask([ada], ['mail', 'brevo'])
  await deletions.run()
  expect((await deletions.list({ limit: 10 })).map(({ state, reason }) => [state, reason])).toEqual([
    ['done', 'HTTP 404: not known there'],
    ['done', 'HTTP 404: not known there'],
  ])
})

test('a deletion is given up after 14 days, and says why it failed last', async () => {
  const { deletions, clock, storage } = deletionsOf({ brevo: brevo({ apiKey: 'key-of-ada' }) })
  answer = (response) => void response.writeHead(503).end()
  await deletions.ask([ada], ['brevo'])
  await deletions.run()
  clock.now += 15 * 86_400_000
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([{ state: 'failed', reason: 'HTTP 503', attempts: 2 }])
  expect([...storage.values.keys()].filter((key) => key.startsWith('due:'))).toEqual([])
})

test('many deletions are done in several runs, each of which sets the alarm for the next', async () => {
  const { deletions, storage, clock } = deletionsOf({ brevo: brevo({ apiKey: 'key-of-ada' }) })
  await deletions.ask(
    Array.from({ length: 60 }, (_, i) => ({ kind: 'userId' as const, id: `user-${i}` })),
    ['brevo'],
  )
  for (let runs = 0; runs < 3; runs++) {
    await deletions.run()
    clock.now = storage.alarm ?? clock.now
  }
  expect(new Set(arrived).size).toBe(60)
  expect((await deletions.list({ limit: 100 })).filter(({ state }) => state === 'done')).toHaveLength(60)
})

test('a deletion that was cut off before its answer came is tried again', async () => {
  const storage = new FakeStorage()
  const { deletions } = deletionsOf({ brevo: brevo({ apiKey: 'key-of-ada' }) }, storage)
  let cutOff: () => void = () => {}
  const sent = new Promise<void>((resolve) => (cutOff = resolve))
  answer = () => cutOff()
  await deletions.ask([ada], ['brevo'])
  const running = deletions.run()
  await sent
  // What the storage holds now is what another object would begin with.
  const copy = new FakeStorage()
  for (const [key, value] of storage.values) copy.values.set(key, value)
  server.closeAllConnections()
  await running
  answer = (response) => void response.writeHead(204).end()
  const next = deletionsOf({ brevo: brevo({ apiKey: 'key-of-ada' }) }, copy)
  await next.deletions.run()
  expect(await next.deletions.list({ limit: 10 })).toMatchObject([{ state: 'done' }])
})

test('a destination that deletes by itself gets the user, the way out and what is kept of its credentials', async () => {
  const given: unknown[] = []
  const own: Destination = {
    ...brevo({ apiKey: 'key-of-ada' }),
    deleteUser: async (user, { fetch: send, credentials }) => {
      given.push(user, await credentials?.current())
      const { status } = await send(new Request('https://crm.example.com/people/ada', { method: 'DELETE' }))
      return status === 204 ? { state: 'done' } : { state: 'waiting', reason: `HTTP ${status}`, afterSeconds: 90 }
    },
  }
  const { deletions, clock } = deletionsOf({ crm: own })
  answer = (response) => void response.writeHead(429).end()
  await deletions.ask([ada], ['crm'])
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([{ state: 'waiting', nextAttemptAt: now + 90_000 }])
  answer = (response) => void response.writeHead(204).end()
  clock.now += 90_000
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([{ state: 'done', attempts: 2 }])
  expect(arrived).toEqual(['DELETE /people/ada', 'DELETE /people/ada'])
  const user = { userId: 'ada', email: 'ada@example.com' }
  expect(given).toEqual([user, 'kept-1842', user, 'kept-1842'])
})

test('a warehouse is asked whether events of a user still wait for it, and what it keeps is told', async () => {
  const { deletions, storage, clock } = deletionsOf({})
  erasing = []
  erasure = { isDone: false, reason: 'events wait to be loaded' }
  expect(await deletions.ask([ada], ['tables'])).toMatchObject([{ destination: 'tables', state: 'waiting' }])
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([{ state: 'waiting', reason: 'events wait to be loaded' }])
  erasure = { isDone: true, reason: 'rows that are in its tables stay' }
  clock.now = storage.alarm ?? 0
  await deletions.run()
  expect(await deletions.list({ limit: 10 })).toMatchObject([
    { destination: 'tables', state: 'done', reason: erasure.reason },
  ])
  expect(erasing).toEqual(
    Array.from({ length: 2 }, () => ({ kind: 'userId', id: 'ada', askedAt: now, from: 'tables' })),
  )
})

// What golden cases cannot say of the ready-made transforms: many events, several requests, the real runtime, wrong settings.
import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { log } from '../../src/streams/log.ts'
import type { Transform } from '../../src/core/transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'
import { allowEvents } from '../../transforms/allow-events.ts'
import { convertCurrency } from '../../transforms/convert-currency.ts'
import { dedupeByContent } from '../../transforms/dedupe-by-content.ts'
import { enrichFromKv } from '../../transforms/enrich-from-kv.ts'
import { flattenProperties } from '../../transforms/flatten-properties.ts'
import { maskPersonalData } from '../../transforms/mask-personal-data.ts'
import { renameEvents } from '../../transforms/rename-events.ts'
import { sampleByUser } from '../../transforms/sample-by-user.ts'
import { splitOrder } from '../../transforms/split-order.ts'
import { call } from '../support/call.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Workerd } from '../support/workerd.ts'

const problemsOf = (transforms: readonly unknown[]): string => {
  try {
    resolveConfig(
      () => ({ stream: log(), sources: { web: { writeKey: 'keyOfTheShop', transforms: transforms as Transform[] } } }),
      {},
    )
    return ''
  } catch (thrown) {
    return (thrown as Error).message
  }
}

test('wrong settings of ready-made transforms are problems of the config, all of them at once', () => {
  const said = problemsOf([
    allowEvents({ events: [] }),
    renameEvents({ events: { order_completed: 7 } } as never),
    maskPersonalData({ salt: 'pepper' }),
    sampleByUser({ percent: 0 }),
    flattenProperties({ arays: 'json' } as never),
    convertCurrency({ to: 'EUR' }),
    convertCurrency({ to: 'euro', rates: { dollar: 0.92 } }),
    convertCurrency({ to: 'EUR', rates: { USD: -1 } }),
    enrichFromKv({ table: undefined }),
    splitOrder({ keepOrder: 'no' } as never),
    dedupeByContent({ fields: ['event', ''], minutes: -1 }),
  ])
  for (const problem of [
    '"transforms[0]" allow-events: "events" must not be an empty list',
    '"transforms[1]" rename-events: "events" must give "order_completed" text',
    '"transforms[2]" mask-personal-data: name fields under "hash", "mask", "partly" or "drop"',
    '"transforms[3]" sample-by-user: "percent" must be a number from 0.01 to 100',
    '"transforms[4]" flatten-properties: "arays" is no setting; did you mean "arrays"?',
    '"transforms[5]" convert-currency: needs either "rates" or "table"',
    '"transforms[6]" convert-currency: "to" must be a code such as EUR',
    '"transforms[6]" convert-currency: "rates" must give a code such as USD a number above 0, not "dollar"',
    '"transforms[7]" convert-currency: "rates" must give a code such as USD a number above 0, not "USD"',
    '"transforms[8]" enrich-from-kv: "table" is missing',
    '"transforms[9]" split-order: "keepOrder" must be true or false',
    '"transforms[10]" dedupe-by-content: "fields" must hold nothing but texts',
    '"transforms[10]" dedupe-by-content: "minutes" must be a number from 0 to 44640',
  ])
    expect(said).toContain(problem)
  expect(problemsOf([splitOrder])).toContain('a ready-made one with settings is called with them')
  expect(problemsOf([splitOrder({}), sampleByUser({ percent: 10 })])).toBe('')
})

test('sample-by-user keeps the share of the users that it is told, all events of each, and more of them the larger the share is', async () => {
  const users = Array.from({ length: 4_000 }, (_, i) => `user-${i}`)
  const events = users.flatMap((userId) => [1, 2].map((n) => plainOrder(`${userId}-${n}`, { userId })))
  const keptAt = async (percent: number) => {
    const { events: kept } = await runTransforms([sampleByUser({ percent })], events, () => ({}) as never)
    const counts = Map.groupBy(kept, ({ event }) => event.userId)
    for (const [user, own] of counts) expect([user, own.length]).toEqual([user, 2])
    return new Set(counts.keys())
  }
  const [tenth, third] = [await keptAt(10), await keptAt(33)]
  expect(tenth.size / users.length).toBeCloseTo(0.1, 1)
  expect(third.size / users.length).toBeCloseTo(0.33, 1)
  expect([...tenth].filter((user) => !third.has(user))).toEqual([])
})

test('dedupe-by-content gives an order that is sent twice, in other words, the id by which the stream drops the second', async () => {
  const edge = fakeEdge({
    source: { transforms: [dedupeByContent({ fields: ['event', 'userId', 'properties.order_id'], minutes: 0 })] },
  })
  for (const [messageId, total] of [
    ['sent-1', 129.9],
    ['sent-2', '129.90'],
  ])
    await call(edge, '/v1/track', {
      body: { messageId, userId: 'ada', event: 'Order Completed', properties: { order_id: '1843', total } },
    })
  await call(edge, '/v1/track', {
    body: { messageId: 'sent-3', userId: 'ada', event: 'Order Completed', properties: { order_id: '1844' } },
  })
  const [first, second, other] = edge.envelopes().map(({ header }) => [header.id, header.key])
  expect(first?.[0]).toMatch(/^content-[0-9a-f]{64}$/)
  expect(second).toEqual(first)
  expect(other?.[1]).toBe(first?.[1])
  expect(other?.[0]).not.toBe(first?.[0])
})

test('dedupe-by-content tells events of two periods apart', async () => {
  const at = (timestamp: string) => plainOrder('sent-1', { userId: 'ada', timestamp })
  const { events } = await runTransforms(
    [dedupeByContent({ minutes: 10 })],
    [at('2026-11-22T10:00:00.000Z'), at('2026-11-22T10:09:59.999Z'), at('2026-11-22T10:10:00.000Z')],
    () => ({}) as never,
  )
  const [first, second, third] = events.map(({ event }) => event.messageId)
  expect([second === first, third === first]).toEqual([true, false])
})

const worker = `
  import { runTransforms } from './src/transforms/run.ts'
  import { enrichFromKv } from './transforms/enrich-from-kv.ts'
  const transforms = { profiles: enrichFromKv({ table: 'PROFILES' }), missing: enrichFromKv({ table: 'CARRIERS' }) }
  export default {
    async fetch(request, env) {
      if (request.method === 'PUT') return Response.json(await env.PROFILES.put('ada', '{"plan":"enterprise"}'))
      const events = Array.from({ length: 250 }, (_, i) => ({ type: 'track', messageId: 'm-' + i, userId: i === 0 ? 'ada' : 'user-' + i }))
      const name = new URL(request.url).pathname.slice(1)
      return Response.json(await runTransforms([transforms[name]], events, () => ({})))
    },
  }`

interface Answer {
  readonly events: readonly { readonly event: object }[]
  readonly failed: readonly { readonly error: { readonly message: string } }[]
}

test('enrich-from-kv reads the namespace that is bound in the real runtime, and says what to bind where there is none', async () => {
  const aliases = { resolveDir: process.cwd(), contents: worker }
  const workerd = await Workerd.start({ stdin: aliases }, { name: 'enrich', kvNamespaces: ['PROFILES'] })
  try {
    await workerd.fetch('/', { method: 'PUT' })
    const ran = async (name: string) => (await (await workerd.fetch(`/${name}`)).json()) as Answer
    const { events, failed } = await ran('profiles')
    expect([events.length, failed]).toEqual([250, []])
    expect(events[0]?.event).toMatchObject({ userId: 'ada', context: { traits: { plan: 'enterprise' } } })
    expect(events[1]?.event).not.toHaveProperty('context')
    const { failed: lost } = await ran('missing')
    expect(lost).toHaveLength(250)
    expect(lost[0]?.error.message).toContain(
      'There is no KV namespace CARRIERS: add [[kv_namespaces]] with binding = "CARRIERS"',
    )
  } finally {
    await workerd.stop()
  }
})

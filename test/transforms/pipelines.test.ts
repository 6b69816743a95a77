// Events through random pipelines of transforms that throw, never settle, multiply, lose ids and return odd values: of each one it
// is known what became of it, and none harms another.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import type { Event } from '../../src/core/event.ts'
import type { Source } from '../../src/core/resolved-config.ts'
import type { Transform } from '../../src/core/transform.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { forward } from '../../src/lanes/forward.ts'
import { type ContractWorker, startContract } from '../support/contract.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { fakePort } from '../support/fake-context.ts'
import { withSeed } from '../support/seed.ts'

/** What a transform does with an event, by what stands in `properties.does` under the transform's name. */
const behaviour = `
const act = (event, does) => {
  const ring = { event }
  ring.ring = ring
  switch (does) {
    case 'throw': throw new RangeError('no total')
    case 'throw text': throw 'no total'
    case 'throw odd': throw { get message() { throw new Error('hostile') } }
    case 'reject': return Promise.reject(new Error('no answer'))
    case 'hang': return new Promise(() => {})
    case 'later': return Promise.resolve().then(() => event)
    case 'drop': return null
    case 'double': return [event, { ...event }]
    case 'double later': return Promise.resolve([event, structuredClone(event)])
    case 'empty': return []
    case 'lose id': delete event.messageId; return event
    case 'odd id': return { ...event, messageId: { toString() { throw new Error('hostile') } } }
    case 'number': return 42
    case 'text': return 'text'
    case 'array with null': return [event, null]
    case 'function': return () => event
    case 'ring': return { ...event, ring }
    case 'bigint': return { ...event, properties: { ...event.properties, total: 1n } }
    case 'toJSON': return { ...event, toJSON() { throw new Error('hostile') } }
    default: return event
  }
}`
const moduleOf = (name: string): string =>
  `${behaviour}\nexport function transformEvent(event) { return act(event, event.properties.does.${name}) }`

/** What each behaviour makes of an event: a number of copies, or `failed`. */
const outcomes: Readonly<Record<string, number | 'failed'>> = {
  throw: 'failed',
  'throw text': 'failed',
  'throw odd': 'failed',
  reject: 'failed',
  hang: 'failed',
  later: 1,
  drop: 0,
  double: 2,
  'double later': 2,
  empty: 0,
  'lose id': 1,
  'odd id': 1,
  number: 'failed',
  text: 'failed',
  'array with null': 'failed',
  function: 'failed',
  ring: 'failed',
  bigint: 'failed',
  toJSON: 'failed',
}
const names = ['tidy', 'score', 'mask', 'split', 'enrich'] as const
type Does = Readonly<Record<string, string>>

const pipeline = (random: Random): string[] => names.filter(() => random.chance(0.6))

function eventOf(random: Random, id: string): Event {
  const kinds = Object.keys(outcomes)
  const does = Object.fromEntries(names.flatMap((name) => (random.chance(0.25) ? [[name, random.pick(kinds)]] : [])))
  return { type: 'track', event: 'Order Completed', messageId: id, userId: id, properties: { id, does } }
}

/** What becomes of an event: so many copies, or the transform that fails it. */
function fateOf(does: Does, through: readonly string[]): number | string {
  let copies = 1
  for (const name of through) {
    const outcome = outcomes[does[name] ?? ''] ?? 1
    if (outcome === 'failed') return name
    copies *= outcome
    if (copies === 0) return 0
  }
  return copies
}

const doesOf = (event: Event): Does => event.properties?.['does'] as Does
const idOf = (event: Event): string => event.properties?.['id'] as string
const count = (ids: readonly string[]): Map<string, number> =>
  new Map([...Map.groupBy(ids, (id) => id)].map(([id, all]) => [id, all.length]))

/** What a test saw: ids of what arrived and was dropped, and the transforms that failed ids. */
interface Seen {
  readonly arrived: readonly Event[]
  readonly dropped: readonly string[]
  readonly failed: readonly { readonly id: string; readonly by: string }[]
}

function expectFates(events: readonly Event[], through: readonly string[], { arrived, dropped, failed }: Seen): void {
  const copies = count(arrived.map(idOf))
  const drops = new Set(dropped)
  const failures = new Map(failed.map(({ id, by }) => [id, by]))
  const found = events.map((event) => {
    const id = idOf(event)
    return { id, fate: failures.get(id) ?? copies.get(id) ?? (drops.has(id) ? 0 : 'lost') }
  })
  expect(found).toEqual(events.map((event) => ({ id: idOf(event), fate: fateOf(doesOf(event), through) })))
  // What arrived is what was sent, with an id of its own.
  const sent = new Map(events.map((event) => [idOf(event), event]))
  for (const event of arrived) expect(event.properties).toEqual(sent.get(idOf(event))?.properties)
  const ids = arrived.map(({ messageId }) => messageId)
  expect(new Set(ids).size).toBe(ids.length)
}

// oxlint-disable-next-line typescript/no-implied-eval -- the same text runs as a built module, too
const act = new Function(`${behaviour}\nreturn act`)() as (event: Event, does: string | undefined) => Event
const plain = (name: string): Transform => ({ name, transformEvent: (event) => act(event, doesOf(event)[name]) })

test(
  'transforms in random pipelines: of 10,000 events each is at the sink, dropped and counted, or a dead letter that names the transform',
  () =>
    withSeed(async (random) => {
      const request = async (number: number) => {
        const before = pipeline(random)
        const after = names.filter((name) => !before.includes(name) && random.chance(0.6))
        const events = Array.from({ length: 100 }, (_, i) => eventOf(random, `order-${number}-${i}`))
        const edge = fakeEdge({
          source: { transforms: before.map(plain), to: ['webhook'] },
          limits: { userCodeMs: 50 },
        })
        const source = edge.context.resolved.sources.get('shop') as Source
        const answer = await acceptEvents({ source, events: structuredClone(events), facts: {} }, edge.context)
        const passed = edge.envelopes().map(({ event }) => event)
        const failedAtEdge = edge.deadLetters.map(({ messageId, detail }) => ({
          id: messageId ?? '',
          by: namedIn(detail) ?? 'nobody',
        }))
        const droppedAtEdge = events.map(idOf).filter((id) => fateOf(doesOf(eventBy(events, id)), before) === 0)
        expect(answer.dropped, 'what is dropped is counted').toBe(droppedAtEdge.length)
        expect(Object.values(edge.counters).reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(answer.dropped)
        expectFates(events, before, { arrived: passed, dropped: droppedAtEdge, failed: failedAtEdge })

        const arrived: Event[] = []
        const sink = fakeDestination('webhook', {
          request: ([item]) => ({ method: 'POST', url: 'https://sink.example/', headers: {}, body: item?.text ?? '' }),
        })
        const port = fakePort({
          fetch: async (one) => {
            arrived.push((await one.json()) as Event)
            return new Response()
          },
        })
        const route = { use: sink, transforms: after.map(plain), ordered: false }
        const target = { kind: 'destination', name: 'webhook', displayName: 'Webhook', route } as const
        const envelopes = edge.envelopes().map((envelope) => ({ envelope }))
        const { outcomes: ends } = await forward(envelopes, target, { port, userCodeMs: 50 })
        // Copies that were made at the edge go on alone.
        const sent = passed.map((event) => ({ ...event, properties: { ...event.properties, id: event.messageId } }))
        const fates = ends.map(({ verdict, detail }, i) => {
          const copies = arrived.filter(
            ({ messageId }) => messageId.replace(/(?:~[\d.]+)+$/, '') === passed[i]?.messageId,
          )
          if (verdict.kind === 'dead') return namedIn(detail)
          if (verdict.kind === 'skip') return 0
          return verdict.kind === 'done' && copies.length > 0 ? 'arrived' : verdict.kind
        })
        const expected = sent.map((event) => {
          const fate = fateOf(doesOf(event), after)
          return typeof fate === 'number' && fate > 0 ? 'arrived' : fate
        })
        expect(fates).toEqual(expected)
        const total = sent.reduce((sum, event) => sum + (Number(fateOf(doesOf(event), after)) || 0), 0)
        expect(arrived.length, 'nothing else is at the sink').toBe(total)
        expect(new Set(arrived.map(({ messageId }) => messageId)).size, 'each with an id of its own').toBe(total)
      }
      await Promise.all(Array.from({ length: 100 }, (_, number) => request(number)))
    }),
  30_000,
)

const namedIn = (detail: string | undefined): string | undefined =>
  /in the transform "([^"]+)"$/.exec(detail ?? '')?.[1]
const eventBy = (events: readonly Event[], id: string): Event => events.find((event) => idOf(event) === id) as Event

let worker: ContractWorker
beforeAll(async () => {
  worker = await startContract(Object.fromEntries(names.map((name) => [`${name}.js`, moduleOf(name)])))
}, 60_000)
afterAll(() => worker?.stop())

test.each(['inline', 'isolated'] as const)(
  'transforms in random pipelines: of 2,000 events that run %s each has the same end',
  (way) =>
    withSeed(async (random) => {
      for (let number = 0; number < 10; number++) {
        const through = pipeline(random)
        const events = Array.from({ length: 200 }, (_, i) => eventOf(random, `order-${number}-${i}`))
        const {
          events: arrived,
          dropped,
          failed,
        } = await worker.run({ transforms: through, way, events, userCodeMs: 100 })
        expectFates(events, through, {
          arrived: arrived.map(({ event }) => event),
          dropped: dropped.map(({ index }) => idOf(events[index] as Event)),
          failed: failed.map(({ index, transform }) => ({ id: idOf(events[index] as Event), by: transform })),
        })
      }
    }),
  60_000,
)

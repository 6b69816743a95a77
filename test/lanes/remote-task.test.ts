import { expect, test } from 'vitest'
import type { Route } from '../../src/core/config.ts'
import type { Destination } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import type { TransformStep } from '../../src/core/transform-counts.ts'
import { Deadlines } from '../../src/lanes/deadlines.ts'
import { forward, type ForwardedEvent } from '../../src/lanes/forward.ts'
import { forwardTask } from '../../src/lanes/remote-task.ts'
import { readResult, readTask, writeTask } from '../../src/lanes/remote-wire.ts'
import { fakePort } from '../support/fake-context.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'

const limits = { events: 10, bytes: 100_000, parallel: 6, timeoutSeconds: 30 }
const envelopeOf = (id: string, properties: Record<string, unknown> = {}) =>
  new Envelope({ ...headerOf(id), key: id.split(' ')[0] ?? id }, JSON.stringify(plainOrder(id, { properties })))

const targetOf = (
  use: Partial<Destination>,
  route: Omit<Route, 'use'> = {},
): Extract<Target, { kind: 'destination' }> => ({
  kind: 'destination',
  name: 'webhook',
  displayName: 'Webhook',
  route: { ...route, use: fakeDestination('webhook', { limits, ...use }) },
})

interface Case {
  readonly name: string
  readonly use?: Partial<Destination>
  readonly route?: Omit<Route, 'use'>
  /** What is decided about an event before, by its place. */
  readonly decided?: Readonly<Record<number, ForwardedEvent['decision']>>
  readonly answer: (body: string) => Response
}

const ids = (body: string) => (JSON.parse(body) as { ids: string[] }).ids
const total = ({ properties }: { readonly properties?: Record<string, unknown> }) => properties?.['total']

const cases: readonly Case[] = [
  { name: 'everything is delivered', answer: () => new Response(null, { status: 204 }) },
  {
    name: 'a refused batch is halved, and its bad event dead with request and answer',
    answer: (body) =>
      ids(body).includes('ada 1')
        ? new Response('{"error":"no such user","api_key":"hunter2-hunter2"}', {
            status: 400,
            headers: { 'x-request': '7' },
          })
        : new Response('ok'),
  },
  {
    name: 'a batch is tried again after what Retry-After says',
    answer: () => new Response('slow down', { status: 429, headers: { 'retry-after': '120' } }),
  },
  { name: 'a refusal of all is a pause', answer: () => new Response('who are you?', { status: 401 }) },
  {
    name: 'there is no answer',
    answer: () => {
      throw new TypeError('connection reset')
    },
  },
  {
    name: 'a limit of the platform is in the way',
    answer: () => {
      throw new Error('Too many subrequests by single Worker invocation.')
    },
  },
  {
    name: 'the destination judges each event, one of them for ever',
    use: {
      verdicts: (_, items) =>
        items.map((_, i) =>
          i === 0
            ? { kind: 'retry' as const, reason: 'later', afterSeconds: i === 0 ? 86_400 : 0 }
            : { kind: 'done' as const },
        ),
    },
    answer: () => new Response('partly', { status: 207 }),
  },
  {
    name: 'filter, transforms and encode drop, multiply, refuse and break',
    use: {
      encode: ({ id, text, event }) => {
        if (total(event) === 'unencodable') throw new Error('no price')
        return { id, text }
      },
    },
    route: {
      filter: (event) => total(event) !== 'filtered',
      transforms: [
        {
          name: 'by total',
          transformEvent: (event) => {
            if (total(event) === 2) return [event, { ...event, messageId: `${event.messageId}, again` }]
            if (total(event) === 3) throw new Error('no price for three')
            return event
          },
        },
      ],
    },
    answer: (body) => new Response('busy', { status: ids(body).some((id) => id.includes('again')) ? 503 : 200 }),
  },
  {
    name: 'a transform is suspended',
    route: { transforms: [{ name: 'endless', suspended: 'it never ended', transformEvent: (event) => event }] },
    answer: () => new Response('ok'),
  },
  {
    name: 'what was decided before is sent, and stays decided',
    route: { transforms: [{ name: 'dropping', transformEvent: () => null }] },
    decided: {
      0: { parts: [envelopeOf('grace 1, decided'), envelopeOf('grace 1, too')], settled: undefined },
      2: {
        parts: [envelopeOf('joan 1, rest')],
        settled: { verdict: { kind: 'dead', reason: 'HTTP 400' }, code: 'http_400', detail: 'no' },
      },
    },
    answer: () => new Response('busy', { status: 503 }),
  },
]

/** A delivery as it is stored, where secrets are hidden; of a stack, where it was thrown. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, one: unknown) =>
      name === 'detail' && typeof one === 'string' ? one.split('\n').slice(0, 2).join('\n') : one,
    ),
  )

test.each(cases)('an event gets the same here and in another invocation, where $name', async (one) => {
  const target = targetOf(one.use ?? {}, one.route)
  const totals = [1, 2, 3, 'filtered', 'unencodable', 'Ümläute ✓ \u2028']
  const names = ['grace 1', 'ada 1', 'joan 1', 'mary 1', 'dorothy 1', 'ada 2']
  const events = names.map((id, i) => ({ envelope: envelopeOf(id, { total: totals[i] }), decision: one.decided?.[i] }))
  const world = () => {
    const bodies: string[] = []
    const port = fakePort({
      now: () => Date.parse('2026-11-29T12:00:00Z'),
      fetch: async (request) => {
        const body = await request.text()
        bodies.push(body)
        return one.answer(body)
      },
    })
    return { bodies, port }
  }
  const [here, there] = [world(), world()]
  const common = { userCodeMs: 5_000, isProven: true }
  const steps: TransformStep[] = []
  const own = await forward(events, target, { ...common, port: here.port, count: (more) => void steps.push(...more) })
  const tools = { target, port: there.port, budget: { isSpent: false }, userCodeMs: 5_000, deadlines: new Deadlines() }
  const task = { events, isProven: true }
  const remote = readResult(await forwardTask(writeTask(task), tools), task)

  expect(there.bodies).toEqual(here.bodies)
  expect(plain(remote.outcomes)).toEqual(plain(own.outcomes))
  expect(plain(remote.sent)).toEqual(plain(own.sent))
  const decisions = ({ decisions }: Pick<typeof own, 'decisions'>) =>
    events.map(({ decision }, i) =>
      decisions[i] !== undefined && decisions[i] === decision ? 'as before' : (decisions[i] ?? null),
    )
  expect(plain(decisions(remote))).toEqual(plain(decisions(own)))
  expect(remote.steps.map((step) => ({ ...step, ms: 0 }))).toEqual(steps.map((step) => ({ ...step, ms: 0 })))
  expect(JSON.stringify(remote.outcomes.map(({ exchange }) => exchange))).not.toContain('hunter2')
})

test('a wait without end crosses to the lane, where it is cut to a day', async () => {
  const target = targetOf({ verdicts: () => ({ kind: 'retry', reason: 'never', afterSeconds: Infinity }) })
  const task = { events: [{ envelope: envelopeOf('ada 1') }], isProven: false }
  const port = fakePort({ fetch: async () => new Response('no', { status: 500 }) })
  const tools = { target, port, budget: { isSpent: true }, userCodeMs: 5_000, deadlines: new Deadlines() }
  const { outcomes, isSpent } = readResult(await forwardTask(writeTask(task), tools), task)
  expect(outcomes[0]?.verdict).toEqual({ kind: 'retry', reason: 'never', afterSeconds: Number.MAX_VALUE })
  expect(isSpent).toBe(true)
})

test('a delivery that breaks in another invocation breaks in the lane, with the same reason', async () => {
  const task = { events: [{ envelope: envelopeOf('ada 1') }], isProven: false }
  const broken = await forwardTask('no task', {
    target: targetOf({}),
    port: fakePort({}),
    budget: { isSpent: false },
    userCodeMs: 5_000,
    deadlines: new Deadlines(),
  })
  expect(() => readResult(broken, task)).toThrow('JSON')
})

test('a task holds events as the stream does, whatever stands in them', () => {
  const envelope = envelopeOf('ada 1', { note: 'line\nbreak \u2028 "quoted" 😀' })
  const { events, isProven } = readTask(writeTask({ events: [{ envelope, decision: undefined }], isProven: true }))
  expect(events[0]?.envelope).toEqual(envelope)
  expect(isProven).toBe(true)
})

// Destinations of the library `@segment/action-destinations` as ours: what they send, and what becomes of answers.
import klaviyo from '@segment/action-destinations/dist/destinations/klaviyo/index.js'
import library from '@segment/action-destinations/dist/destinations/segment/index.js'
import s3 from '@segment/action-destinations/dist/destinations/s3/index.js'
import { expect, test } from 'vitest'
import type { Credentials, Destination } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import type { Definition } from '../../src/library/definition.ts'
import { type LibraryInput, segment } from '../../src/library/segment.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf } from '../support/sample-events.ts'
import { crm, oauthCrm } from './definition.ts'

const made = (definition: Definition, input: LibraryInput = {}) =>
  segment(definition as never, { settings: { apiKey: 'sesame-1842' }, ...input } as never)

const eventOf = (id: string, more: object = {}) => ({
  type: 'identify',
  messageId: id,
  userId: 'ada',
  traits: { email: 'ada@example.com' },
  ...more,
})

/** Sends events through a destination; the vendor's answers come from `answer`, by the path and its how-manieth request. */
async function sending(
  destination: Destination,
  events: readonly (ReturnType<typeof eventOf> & { rest?: string; earlier?: string })[],
  answer: (path: string, n: number) => Response | Error = () => Response.json({}),
  credentials?: Credentials,
) {
  const asked: { path: string; headers: Headers; body: unknown }[] = []
  const port = fakePort({
    ...(credentials === undefined ? {} : { credentials }),
    fetch: async (request) => {
      const { pathname } = new URL(request.url)
      const text = await request.text()
      asked.push({ path: pathname, headers: request.headers, body: text === '' ? undefined : JSON.parse(text) })
      const given = answer(pathname, asked.length)
      if (given instanceof Error) throw given
      return given
    },
  })
  const envelopes = events.map(({ rest, earlier, ...event }) => {
    const header = headerOf(event.messageId, { key: event.userId })
    const left = { ...(rest === undefined ? {} : { rest }), ...(earlier === undefined ? {} : { earlier }) }
    return new Envelope({ ...header, ...left }, JSON.stringify(event))
  })
  const { outcomes } = await deliver(envelopes, destination, { port })
  return { asked, paths: asked.map(({ path }) => path), outcomes }
}

const kinds = (outcomes: Awaited<ReturnType<typeof sending>>['outcomes']) => outcomes.map(({ verdict }) => verdict.kind)
const reasons = (outcomes: Awaited<ReturnType<typeof sending>>['outcomes']) =>
  outcomes.map(({ verdict }) => ('reason' in verdict ? verdict.reason : ''))

test('a destination of the library sends by its presets, with its settings, and skips what no trigger matches', async () => {
  const destination = made(crm)
  expect([destination.problems, destination.name]).toEqual([[], 'engine-crm'])
  const { asked, outcomes } = await sending(destination, [eventOf('a'), eventOf('b', { type: 'page' })])
  expect(asked.map(({ path, body }) => [path, body])).toEqual([
    ['/contacts', { email: 'ada@example.com' }],
    ['/scores', { email: 'all@example.com', name: 'identify' }],
  ])
  expect(asked[0]?.headers.get('x-api-key')).toBe('sesame-1842')
  expect(asked[0]?.headers.get('user-agent')).toBe('Sluiceway')
  expect(kinds(outcomes)).toEqual(['done', 'skip'])
})

test('mappings take the place of presets: a trigger in FQL, fields over the defaults of the action', async () => {
  const destination = segment(klaviyo, {
    settings: { api_key: 'pk-1842' },
    mappings: {
      upsertProfile: true,
      orders: {
        action: 'trackEvent',
        when: 'type = "track" and event = "Order Completed"',
        fields: { profile: { email: { '@path': '$.properties.email' } }, metric_name: 'Engine ordered' },
      },
    },
  })
  expect(destination.problems).toEqual([])
  const { asked, outcomes } = await sending(destination, [
    eventOf('a', {
      type: 'track',
      event: 'Order Completed',
      properties: { email: 'ada@example.com' },
      timestamp: '2026-11-28T09:30:00.000Z',
    }),
    eventOf('b', { type: 'track', event: 'Product Viewed', properties: { email: 'ada@example.com' } }),
  ])
  expect(kinds(outcomes)).toEqual(['done', 'skip'])
  expect(asked).toHaveLength(1)
  expect(JSON.stringify(asked[0]?.body)).toContain('"name":"Engine ordered"')
})

const wrong: readonly (readonly [what: string, make: () => Destination, problem: string])[] = [
  [
    'no definition',
    () => made(undefined as never),
    'the first argument must be a destination of the library: the default import of',
  ],
  ['a missing setting', () => segment(crm as never, {}), '"settings.apiKey" is missing: Of your account.'],
  ['an unset variable', () => made(crm, { settings: { apiKey: undefined } }), '"settings.apiKey" is missing'],
  ['a misspelled setting', () => made(crm, { settings: { apikey: 'x' } }), 'did you mean "apiKey"?'],
  [
    'a choice that there is not',
    () => made(crm, { settings: { apiKey: 'x', region: 'moon' } }),
    'region must be one of eu',
  ],
  [
    'a trigger as in JavaScript',
    () => made(crm, { mappings: { contact: { when: 'type == "identify"' } } }),
    '"mappings.contact" has a "when" with == or && or ||: FQL has =, "and" and "or"',
  ],
  [
    'a directive that there is not',
    () => made(crm, { mappings: { contact: { fields: { name: { '@pth': '$.event' } } } } }),
    '"mappings.contact": name has an invalid directive: @pth.',
  ],
  [
    'a token that is no text',
    () => segment(oauthCrm as never, { tokens: { accessToken: 7 } as never, mappings: { contact: true } }),
    '"tokens.accessToken" must be text',
  ],
  [
    'a switch that is a text',
    () => made(crm, { allowPrivate: 'no' as never, userAgent: 7 as never }),
    '"userAgent" must be text\n"allowPrivate" must be true or false',
  ],
  [
    'an option that there is not',
    () => made(crm, { mapping: {} } as never),
    '"mapping" is no setting; did you mean "mappings"?',
  ],
  [
    'a mapping of no action',
    () => made(crm, { mappings: { contacts: true } }),
    '"mappings.contacts" names no action; there are: contact, score',
  ],
  ['a mapping without a trigger', () => made(crm, { mappings: { score: true } }), '"mappings.score" needs "when"'],
  [
    'a trigger that cannot be read',
    () => made(crm, { mappings: { contact: { when: 'type = "track' } } }),
    '"mappings.contact" has a "when" that cannot be read',
  ],
  [
    'a field that there is not',
    () => made(crm, { mappings: { contact: { fields: { mail: 'x' } } } }),
    'has the field "mail"; there are: email, name',
  ],
  [
    'no presets',
    () => segment(klaviyo, { settings: { api_key: 'x' } }),
    '"mappings" is missing: Klaviyo (Actions) has no mappings that are used',
  ],
  [
    'no tokens',
    () => segment(oauthCrm as never, { mappings: { contact: true } }),
    '"tokens" is missing: the vendor takes OAuth tokens',
  ],
  [
    'the library’s own Segment',
    () => segment(library, {}),
    'Segment cannot be used: it hands events to Segment’s own pipeline',
  ],
  [
    'a destination with the SDK of AWS',
    () => segment(s3, {}),
    'AWS S3 (Actions) cannot be used: it needs the SDK of AWS',
  ],
]
test.each(wrong)('the config is told of a destination of the library with %s', (_what, make, problem) => {
  expect(make().problems.join('\n')).toContain(problem)
})

test('what is shown of settings holds no secret, but what was chosen from a list', () => {
  expect(made(crm).redacted).toEqual({
    settings: { apiKey: '***', endpoint: '***', region: 'eu' },
    mappings: ['Contacts', 'Scores'],
  })
})

test('an event that one of two actions took is tried again with the other one only', async () => {
  const destination = made(crm)
  const first = await sending(destination, [eventOf('a')], (path) =>
    path === '/scores' ? new Response('busy', { status: 503, headers: { 'retry-after': '7' } }) : Response.json({}),
  )
  expect(first.outcomes).toMatchObject([
    {
      verdict: { kind: 'retry', reason: 'Scores: HTTP 503: busy', afterSeconds: 7 },
      detail: 'busy',
    },
  ])
  const { rest } = first.outcomes[0] as { rest: string }
  const second = await sending(destination, [{ ...eventOf('a'), rest }])
  expect([second.paths, kinds(second.outcomes)]).toEqual([['/scores'], ['done']])
})

test('an event that one action will never take is dead in the end, and says so, when the other one has taken it', async () => {
  const destination = made(crm)
  const first = await sending(
    destination,
    [eventOf('a')],
    (path) => new Response(path === '/scores' ? 'busy' : 'no such field', { status: path === '/scores' ? 503 : 400 }),
  )
  expect(kinds(first.outcomes)).toEqual(['retry'])
  const second = await sending(destination, [{ ...eventOf('a'), rest: first.outcomes[0]?.rest ?? '' }])
  expect(second.paths).toEqual(['/scores'])
  expect(second.outcomes[0]?.verdict).toEqual({
    kind: 'dead',
    reason: 'Contacts: HTTP 400: no such field',
  })
})

test('an event that is replayed goes to the actions that failed, and to none that has taken it, however often it fails', async () => {
  const destination = made(crm)
  const refuseContacts = (path: string) => new Response(null, { status: path === '/contacts' ? 400 : 200 })
  const first = await sending(destination, [eventOf('a')], refuseContacts)
  expect([first.paths, kinds(first.outcomes)]).toEqual([['/contacts', '/scores'], ['dead']])
  const again = await sending(
    destination,
    [{ ...eventOf('a'), earlier: first.outcomes[0]?.rest ?? '' }],
    refuseContacts,
  )
  expect([again.paths, kinds(again.outcomes)]).toEqual([['/contacts'], ['dead']])
  const last = await sending(destination, [{ ...eventOf('a'), earlier: again.outcomes[0]?.rest ?? '' }])
  expect([last.paths, kinds(last.outcomes)]).toEqual([['/contacts'], ['done']])
})

test('an event that is replayed goes to an action whose mapping has another name by now', async () => {
  const named = (key: string) =>
    made(crm, { mappings: { [key]: { action: 'contact' }, score: { when: 'type = "identify"' } } })
  const refuse = (path: string) => new Response(null, { status: path === '/contacts' ? 400 : 200 })
  const first = await sending(named('people'), [eventOf('a')], refuse)
  const again = await sending(named('persons'), [{ ...eventOf('a'), earlier: first.outcomes[0]?.rest ?? '' }])
  expect([again.paths, kinds(again.outcomes)]).toEqual([['/contacts'], ['done']])
})

test('an event keeps what was delivered of it through an attempt without an answer', async () => {
  const destination = made(crm)
  const first = await sending(
    destination,
    [eventOf('a')],
    (path) => new Response(null, { status: path === '/contacts' ? 200 : 503 }),
  )
  const { rest = '' } = first.outcomes[0] ?? {}
  const lost = await sending({ ...destination, send: async () => Promise.reject(new Error('lost')) }, [
    { ...eventOf('a'), rest },
  ])
  expect(lost.outcomes[0]?.rest).toBe(rest)
  const replayed = await sending(destination, [{ ...eventOf('a'), earlier: rest }])
  expect(replayed.paths).toEqual(['/scores'])
})

const verdicts: readonly (readonly [status: number, kind: string])[] = [
  [200, 'done'],
  [204, 'done'],
  [400, 'dead'],
  [401, 'pause'],
  [403, 'pause'],
  [404, 'dead'],
  [408, 'retry'],
  [422, 'dead'],
  [423, 'retry'],
  [429, 'retry'],
  [500, 'retry'],
  [501, 'dead'],
  [503, 'retry'],
]
test.each(verdicts)('an answer of %i to a destination of the library makes its event %s', async (status, kind) => {
  const destination = made(crm, { mappings: { contact: true } })
  const { outcomes } = await sending(destination, [eventOf('a')], () => new Response(null, { status }))
  expect(kinds(outcomes)).toEqual([kind])
})

test('an event without a field that the action needs is dead, with the name of the field, and no request is sent', async () => {
  const { paths, outcomes } = await sending(made(crm, { mappings: { contact: true } }), [eventOf('a', { traits: {} })])
  expect([paths, reasons(outcomes)]).toEqual([[], ['contact: email is missing']])
})

const batched = { mappings: { contact: { batch: true } } }

test('events share a request where the action takes batches, and each gets its own status', async () => {
  const { asked, outcomes } = await sending(
    made(crm, batched),
    ['ada', 'grace', 'mary', 'joan'].map((userId) =>
      eventOf(userId, { userId, traits: { email: `${userId}@example.com` } }),
    ),
    () => Response.json({ statuses: [200, 422, 429, 403] }),
  )
  expect(asked.map(({ path, body }) => [path, (body as unknown[]).length])).toEqual([['/contacts/batch', 4]])
  expect(kinds(outcomes)).toEqual(['done', 'dead', 'retry', 'pause'])
  expect(reasons(outcomes)[1]).toBe('contact: HTTP 422: contact 1 is refused')
})

test('a batch that is refused as a whole is sent again one by one, so that one bad event harms no other', async () => {
  const { paths, outcomes } = await sending(
    made(crm, batched),
    ['ada', 'grace'].map((userId) => eventOf(userId, { userId })),
    (path, n) =>
      path === '/contacts/batch' || n === 3 ? new Response('bad email', { status: 400 }) : Response.json({}),
  )
  expect([paths, kinds(outcomes)]).toEqual([
    ['/contacts/batch', '/contacts', '/contacts'],
    ['done', 'dead'],
  ])
})

test('events of a key stay in their order between actions with and without batches, and none overtakes one that waits', async () => {
  const destination = made(crm, {
    mappings: { contact: { batch: true }, score: { when: 'type = "track"', fields: { email: 'x@example.com' } } },
  })
  const events = [
    eventOf('1'),
    eventOf('2', { type: 'track', event: 'Order Completed' }),
    eventOf('3'),
    eventOf('4', { userId: 'grace' }),
  ]
  const all = await sending(destination, events)
  expect(all.asked.map(({ path, body }) => [path, Array.isArray(body) ? body.length : 1])).toEqual([
    ['/contacts/batch', 2],
    ['/scores', 1],
    ['/contacts/batch', 1],
  ])
  const broken = await sending(
    destination,
    events,
    (path) => new Response(null, { status: path === '/scores' ? 500 : 200 }),
  )
  expect(broken.paths).toEqual(['/contacts/batch', '/scores'])
  expect([kinds(broken.outcomes), reasons(broken.outcomes)[2]]).toEqual([
    ['done', 'retry', 'retry', 'done'],
    'contact: an earlier event of its key waits',
  ])
})

test('no request goes to an address that is not public, also not by a redirect', async () => {
  const at = (endpoint: string) => made(crm, { settings: { apiKey: 'x', endpoint }, mappings: { contact: true } })
  const inner = await sending(at('https://169.254.169.254'), [eventOf('a')])
  expect([inner.paths, kinds(inner.outcomes)]).toEqual([[], ['pause']])
  const moved = await sending(
    at('https://crm.example.com'),
    [eventOf('a')],
    () => new Response(null, { status: 307, headers: { location: 'http://10.0.0.7/contacts' } }),
  )
  expect([moved.paths, kinds(moved.outcomes)]).toEqual([['/contacts'], ['pause']])
  expect(reasons(moved.outcomes)[0]).toContain('10.0.0.7 is a private network')
})

test('a limit of the platform in the middle of an event is no mark against it, and keeps what was delivered', async () => {
  const { outcomes } = await sending(made(crm), [eventOf('a')], (path) =>
    path === '/scores' ? new Error('Too many subrequests by single Worker invocation.') : Response.json({}),
  )
  expect(outcomes).toMatchObject([{ code: 'platform', rest: '{"owed":["Scores"],"dead":[],"taken":["Contacts"]}' }])
})

const tokens = { accessToken: 'old', refreshToken: 'refresh-1', clientId: 'router' }
const oauth = () => made(oauthCrm, { settings: {}, mappings: { contact: true }, tokens })

/** What the first lane of a destination does for it. */
function keeperOf(destination: Destination): Credentials & { kept: string | null } {
  const keeper = {
    kept: null as string | null,
    current: async () => keeper.kept,
    renew: async (used: string | null) => {
      const fetch = async () => Response.json({ access: 'new', refresh: 'refresh-2' })
      const context = { fetch, now: 0, signal: new AbortController().signal }
      if (keeper.kept === used) keeper.kept = (await destination.renew?.(used, context)) ?? null
      return keeper.kept ?? ''
    },
  }
  return keeper
}

test('tokens that have run out are renewed, kept, and the call is made again, also by the next isolate', async () => {
  const destination = oauth()
  const keeper = keeperOf(destination)
  const answer = () => Response.json({})
  const refuseOld = (asked: Headers | undefined) => asked?.get('authorization')
  const first = await sending(
    destination,
    [eventOf('a')],
    (_path, n) => (n === 1 ? new Response(null, { status: 401 }) : answer()),
    keeper,
  )
  expect(first.asked.map(({ headers }) => refuseOld(headers))).toEqual(['Bearer old', 'Bearer new'])
  expect(kinds(first.outcomes)).toEqual(['done'])
  expect(JSON.parse(keeper.kept ?? '')).toMatchObject({ accessToken: 'new', refreshToken: 'refresh-2' })

  const next = await sending(oauth(), [eventOf('b')], answer, keeper)
  expect(next.asked.map(({ headers }) => refuseOld(headers))).toEqual(['Bearer new'])
  // Somebody gave the config new tokens by hand: what was kept is of the old ones.
  const other = made(oauthCrm, {
    settings: {},
    mappings: { contact: true },
    tokens: { ...tokens, refreshToken: 'by hand' },
  })
  const byHand = await sending(other, [eventOf('c')], answer, keeper)
  expect(byHand.asked.map(({ headers }) => refuseOld(headers))).toEqual(['Bearer old'])
})

test('tokens that the vendor does not renew pause the destination, and say who must act', async () => {
  const { paths, outcomes } = await sending(
    oauth(),
    [eventOf('a')],
    (path) => new Response('no', { status: path === '/token' ? 400 : 401 }),
  )
  expect(paths).toEqual(['/contacts', '/token'])
  expect(outcomes[0]?.verdict).toEqual({
    kind: 'pause',
    reason: 'contact: the tokens are refused: HTTP 400; get new ones from the vendor',
  })
})

test('a batch in which tokens ran out is tried again only where it was refused', async () => {
  const destination = made(oauthCrm, { settings: {}, mappings: { contact: { batch: true } }, tokens })
  const multi = {
    ...oauthCrm,
    actions: { contact: { ...oauthCrm.actions['contact'], performBatch: crm.actions['contact']?.performBatch } },
  }
  const twice = made(multi as never, { settings: {}, mappings: { contact: { batch: true } }, tokens })
  expect(destination.problems).toEqual([])
  const { outcomes } = await sending(
    twice,
    ['ada', 'grace'].map((userId) => eventOf(userId, { userId })),
    (path) =>
      path === '/token'
        ? Response.json({ access: 'new', refresh: 'refresh-2' })
        : Response.json({ statuses: [200, 401] }),
  )
  expect(kinds(outcomes)).toEqual(['done', 'retry'])
})

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Route } from '../../src/core/config.ts'
import { Envelope, type Facts } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Transform } from '../../src/core/transform.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { forward } from '../../src/lanes/forward.ts'
import { replayEdgeLetter } from '../../src/edge/replay-edge-letter.ts'
import { rowsOf } from '../../src/loading/rows-of.ts'
import { type FakeEdge, fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted, receivedAt } from '../support/sample-events.ts'
import { realPort } from '../../src/platform/real-port.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const rules = {
  hash: ['userId', 'anonymousId', 'context.traits.email'],
  drop: ['context.ip', 'request_ip'],
  mask: ['context.userAgent'],
}
const facts: Facts = { ip: '198.51.100.7', userAgent: 'Mozilla/5.0', country: 'GB' }
const personal = /ada@example|anon-ada|198\.51\.100|Mozilla|"ada"/

async function send(edge: FakeEdge, events: unknown[], batch?: Record<string, unknown>) {
  const source = edge.context.resolved.sources.get('shop')
  if (source === undefined) throw new Error('no source')
  return acceptEvents({ source, events, facts, ...(batch === undefined ? {} : { batch }) }, edge.context)
}

const order = (more: object = {}) =>
  orderCompleted({
    context: { userAgent: 'Mozilla/5.0', traits: { email: 'Ada@Example.com ' }, locale: 'en' },
    ...more,
  })

describe('the rules of a source', () => {
  test('the rules of a source come before the append: nothing personal is in what the stream gets', async () => {
    const edge = fakeEdge({ source: { privacy: rules } })
    expect(await send(edge, [order()])).toMatchObject({ accepted: 1 })
    const [envelope] = edge.envelopes()
    expect(envelope?.event).toMatchObject({
      userId: sha256('ada'),
      anonymousId: sha256('anon-ada'),
      context: { userAgent: '***', traits: { email: sha256('ada@example.com') }, locale: 'en' },
      properties: { revenue: 39.95 },
    })
    expect(envelope?.header).toMatchObject({ key: sha256('anon-ada'), facts: { country: 'GB' } })
    expect(edge.appends[0]?.[0]?.text).not.toMatch(personal)
    expect(edge.appends[0]?.[0]?.key).toBe(sha256('anon-ada'))
  })

  test('the rules of a source come before the transforms, and before their dead letters', async () => {
    const handed: string[] = []
    const edge = fakeEdge({
      source: {
        privacy: rules,
        transforms: [
          {
            name: 'looks-and-fails',
            transformEvent(event: Event) {
              handed.push(JSON.stringify(event))
              throw new Error('no')
            },
          },
        ],
      },
    })
    expect(await send(edge, [order()])).toMatchObject({ accepted: 0, rejected: [{ code: 'transform_failed' }] })
    expect(handed.join()).toContain('Order Completed')
    expect(handed.join()).not.toMatch(personal)
    expect(edge.deadLetters[0]).toMatchObject({ key: sha256('anon-ada') })
    expect(edge.deadLetters[0]?.event).not.toMatch(personal)
  })

  const deep = () => {
    let value: unknown = 'ada@example.com'
    for (let i = 0; i < 200; i++) value = { value }
    return value
  }
  test.each<[string, unknown, string]>([
    ['is of no valid form', order({ properties: 'none' }), 'invalid_event'],
    ['has no type', order({ type: null }), 'invalid_event'],
    ['is nested too deep', order({ extra: deep() }), 'too_deep'],
    ['is too large', order({ properties: { note: 'x'.repeat(40_000) } }), 'event_too_large'],
    ['is no object', 'ada@example.com', 'not_an_object'],
    ['has text where an object belongs', order({ context: 'ada@example.com' }), 'invalid_event'],
    ['is a list', [order()], 'not_an_object'],
  ])('the rules of a source hold for an event that is refused because it %s', async (_what, event, code) => {
    const edge = fakeEdge({ source: { privacy: rules } })
    expect(await send(edge, [event])).toMatchObject({ accepted: 0, rejected: [{ code }] })
    expect(edge.deadLetters).toHaveLength(1)
    expect(JSON.stringify(edge.deadLetters)).not.toMatch(personal)
  })

  test('the rules of a source leave what was hashed alone when a dead letter is edited and comes again', async () => {
    const edge = fakeEdge({ source: { privacy: { ...rules, salt: 'pepper' } } })
    await send(edge, [order({ properties: 'none' })])
    const [letter] = edge.deadLetters
    if (letter === undefined) throw new Error('there is no dead letter')
    const event = { ...(JSON.parse(letter.event) as Event), properties: { revenue: 39.95 } }
    expect(await replayEdgeLetter({ ...letter, event }, edge.context)).toEqual({ accepted: 1, dropped: 0 })
    expect(edge.events()[0]).toMatchObject({
      userId: sha256('pepperada'),
      context: { traits: { email: sha256('pepperada@example.com') } },
    })
  })

  test('the rules of a source hold for the context of a batch, which its events share', async () => {
    const edge = fakeEdge({ source: { privacy: rules } })
    const bare = (messageId: string) => orderCompleted({ messageId, context: undefined })
    await send(edge, [bare('order-1'), bare('order-2')], { context: { traits: { email: 'ada@example.com' } } })
    for (const event of edge.events())
      expect(event['context']).toMatchObject({ traits: { email: sha256('ada@example.com') } })
  })

  test('the rules of a source do not hide from routing what needs consent', async () => {
    const edge = fakeEdge({ source: { privacy: { allow: [] } } })
    const { resolved } = edge.context
    const target = resolved.targets.get('crm')
    if (target === undefined) throw new Error('no target')
    Object.assign(target.route, { consent: { categories: ['Advertising'] } })
    await send(edge, [order({ context: { consent: { categoryPreferences: { Advertising: false } }, locale: 'en' } })])
    expect(edge.envelopes()[0]?.header.to).toEqual(['webhook'])
    expect(edge.counters).toEqual({ 'consent:crm': 1 })
    expect(edge.events()[0]?.['context']).toEqual({ consent: { categoryPreferences: { Advertising: false } } })
  })
})

const stored = (event: Record<string, unknown> = order()) =>
  new Envelope(
    { id: String(event['messageId']), key: 'anon-ada', source: 'shop', receivedAt, to: ['crm', 'tables'], facts },
    JSON.stringify({ ...event, receivedAt, timestamp: receivedAt }),
  )

describe('the rules of a destination', () => {
  async function deliver(envelopes: Envelope[], more: Partial<Route>) {
    const bodies: string[] = []
    const headers: object[] = []
    const use: Route['use'] = {
      kind: 'destination',
      name: 'crm',
      limits: { events: 10, bytes: 100_000, parallel: 1, timeoutSeconds: 1 },
      problems: [],
      redacted: {},
      encode: ({ id, text, header }) => {
        headers.push(header)
        return { id, text }
      },
      request: (items) => ({
        method: 'POST',
        url: 'https://crm.example',
        headers: {},
        body: items.map(({ text }) => text).join('\n'),
      }),
    }
    const port = {
      ...realPort,
      fetch: async (request: Request) => {
        bodies.push(await request.text())
        return new Response()
      },
    }
    const target = { kind: 'destination', name: 'crm', displayName: 'CRM', route: { use, ...more } } as const
    const { outcomes } = await forward(
      envelopes.map((envelope) => ({ envelope })),
      target,
      { port },
    )
    return { bodies, headers, outcomes }
  }

  test('the rules of a destination hold for what it gets, and for it alone', async () => {
    const envelope = stored()
    const before = envelope.text
    const { bodies, headers, outcomes } = await deliver([envelope], { privacy: rules })
    expect(outcomes).toMatchObject([{ verdict: { kind: 'done' } }])
    expect(bodies.join()).toContain(sha256('ada@example.com'))
    expect(bodies.join()).toContain('Order Completed')
    expect(bodies.join()).not.toMatch(personal)
    expect(JSON.stringify(headers)).not.toMatch(personal)
    expect(headers).toMatchObject([{ id: 'order-1', key: sha256('anon-ada'), facts: { country: 'GB' } }])
    // The others get the same envelope.
    expect(envelope.text).toBe(before)
    expect(envelope.event).toMatchObject({ userId: 'ada', context: { traits: { email: 'Ada@Example.com ' } } })
    expect((await deliver([envelope], {})).bodies.join()).toMatch(personal)
  })

  test('the rules of a destination come before its filter and its transforms', async () => {
    const handed: string[] = []
    const look = (event: Event) => {
      handed.push(JSON.stringify(event))
      return true
    }
    const transform: Transform = {
      name: 'looks',
      transformEvent: (event: Event) => {
        look(event)
        return event
      },
    }
    const { bodies } = await deliver([stored()], { privacy: rules, filter: look, transforms: [transform] })
    expect(handed).toHaveLength(2)
    expect([...handed, ...bodies].join()).not.toMatch(personal)
    expect(bodies).toHaveLength(1)
  })
})

describe('the rules of a warehouse', () => {
  const options = {
    mapping: {
      provider: 'postgres',
      sourceType: 'sluiceway',
      sourceId: 'shop',
      destinationId: 'tables',
      destinationType: 'POSTGRES',
      now: () => receivedAt,
      uuid: () => '00000000-0000-4000-8000-000000000001',
    },
    file: 'staged-1',
  } as const

  test('the rules of a warehouse come before the table mapping, and leave the envelope as it is', () => {
    const envelope = stored()
    const rows = rowsOf(envelope, { ...options, privacy: rules })
    if ('stage' in rows) throw new Error(rows.reason)
    const track = rows.find(({ row }) => row.table === 'order_completed')?.row
    expect(track?.data).toMatchObject({
      id: 'order-1',
      user_id: sha256('ada'),
      anonymous_id: sha256('anon-ada'),
      context_traits_email: sha256('ada@example.com'),
      revenue: 39.95,
    })
    expect(JSON.stringify(rows.map(({ row }) => row))).not.toMatch(personal)
    expect(envelope.event.userId).toBe('ada')
    expect(JSON.stringify(rowsOf(envelope, options))).toMatch(personal)
  })

  test('the rules of a warehouse are not applied twice to what its transforms made of an event', () => {
    const { header, text } = stored()
    const made = new Envelope({ ...header, transformed: true }, text)
    expect(rowsOf(made, { ...options, privacy: rules })).toEqual(rowsOf(made, options).valueOf())
    const tooLong = order({ messageId: 'x'.repeat(900) })
    const letter = rowsOf(new Envelope({ ...header, transformed: true }, stored(tooLong).text), options)
    expect(letter).toMatchObject({ stage: 'load', transformed: true })
  })

  test('the rules of a warehouse are not in its dead letters: a replay goes through them again', () => {
    const letter = rowsOf(stored(order({ messageId: 'x'.repeat(900) })), { ...options, privacy: rules })
    expect(letter).toMatchObject({ stage: 'load', code: 'mapping_failed' })
    expect('stage' in letter && JSON.parse(letter.event)).toMatchObject({ userId: 'ada' })
  })
})

describe('a config', () => {
  const problems = (privacy: object, where: 'source' | 'destination' = 'source'): string => {
    const { resolved } = fakeEdge().context
    const crm = resolved.targets.get('crm')
    if (crm?.kind !== 'destination') throw new Error('no destination')
    try {
      resolveConfig(
        () => ({
          stream: resolved.stream,
          sources: { shop: { writeKey: 'keyOfTheShop', ...(where === 'source' ? { privacy } : {}) } },
          destinations: { crm: { use: crm.route.use, ...(where === 'destination' ? { privacy } : {}) } },
        }),
        {},
      )
      return ''
    } catch (error) {
      return String(error)
    }
  }

  test.each<[string, object, string]>([
    ['a path that is none', { drop: ['context..ip'] }, 'is no path'],
    ['a prototype', { hash: ['__proto__.email'] }, 'is no path'],
    ['everything', { mask: ['*'] }, 'must not have "*"'],
    ['what an event is known by', { drop: ['messageId'] }, 'must not have "messageId"'],
    ['the type', { hash: ['type'] }, 'must not have "type"'],
    ['consent at a source', { drop: ['context.consentManagement.provider'] }, 'needs consent'],
    ['a salt that is not set', { hash: ['userId'], salt: undefined }, '"privacy.salt" is missing'],
  ])('a config may not let privacy rules take away %s', (_what, privacy, problem) => {
    expect(problems(privacy)).toContain(problem)
  })

  test('a config may let privacy rules hash ids, and take consent from a destination', () => {
    expect(problems({ hash: ['userId', 'anonymousId', 'messageId'], allow: ['*'] })).toBe('')
    expect(problems({ drop: ['context.consent'] }, 'destination')).toBe('')
  })
})

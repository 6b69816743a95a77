import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeEdge } from '../support/fake-edge.ts'
import { receivedAt } from '../support/sample-events.ts'
import type { Recorded } from '../../scripts/record/recorder.ts'
import { bodyOf, expectAll, firstOf, type Fixture, fixtureOf, fixtures, idsOf, isGzip, textOf } from './fixtures.ts'
import { replay } from './replay.ts'

const header = ({ headers }: Recorded, name: string) => headers.find(([one]) => one.toLowerCase() === name)?.[1]

async function replayAll({ requests }: Fixture, edge = fakeEdge(), times = 1) {
  const answers: Response[] = []
  for (let time = 0; time < times; time++) for (const request of requests) answers.push(await replay(edge, request))
  return { edge, answers }
}

test('there is a recording of every client that the facts name', () => {
  expect(fixtures.map(({ client }) => client)).toEqual([
    'customerio-node',
    'rudder-go',
    'rudder-java',
    'rudder-node',
    'rudder-python',
    'segment-go',
    'segment-java',
    'segment-node',
    'segment-node-old',
    'segment-python',
  ])
})

describe.each(fixtures)('what $package $version sends', (fixture) => {
  test(`every call of ${fixture.client} arrives once, with what was said in it, when, and by which library`, async () => {
    const { edge } = await replayAll(fixture)
    expectAll(edge.events(), fixture)
    expect(edge.deadLetters).toEqual([])
  })

  test(`every call of ${fixture.client} is answered as every client wants it: 200, JSON, an object that says success`, async () => {
    const { answers } = await replayAll(fixture)
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(await answer.json()).toEqual({
        success: true,
        accepted: bodyOf(fixture.requests[i] ?? firstOf(fixture)).batch.length,
      })
    }
  })

  test(`what ${fixture.client} sends brings the same events under the same ids and keys when it is sent again`, async () => {
    const { edge } = await replayAll(fixture, fakeEdge(), 2)
    const packed = edge.appends.flat()
    const half = packed.length / 2
    expect(packed.map(({ id }) => id)).toEqual([...idsOf(fixture), ...idsOf(fixture)])
    // Nothing in them is of the attempt: not even what the server fills in.
    expect(packed.slice(half)).toEqual(packed.slice(0, half))
  })

  test.each([
    ['without any id', { type: 'track', event: 'Product Viewed' }, 'no_identity'],
    ['that is text', 'Order Completed', 'not_an_object'],
    ['without a type', { userId: 'ada', event: 'Order Completed' }, 'invalid_event'],
  ])(`what ${fixture.client} sends loses nothing to an event %s in its middle`, async (_, bad, code) => {
    const edge = fakeEdge()
    for (const request of fixture.requests) {
      const body = bodyOf(request)
      const text = JSON.stringify({ ...body, batch: body.batch.toSpliced(1, 0, bad as Record<string, unknown>) })
      const answer = await replay(edge, request, Buffer.from(isGzip(request) ? gzipSync(text) : text))
      expect(answer.status).toBe(200)
      expect(await answer.json()).toMatchObject({
        success: true,
        accepted: body.batch.length,
        rejected: [{ index: 1, code }],
      })
    }
    expectAll(edge.events(), fixture)
    expect(edge.deadLetters.map((letter) => letter.code)).toEqual(fixture.requests.map(() => code))
  })
})

describe('what is particular to a client', () => {
  test('RudderStack’s Node SDK calls its gzip a form', async () => {
    for (const request of fixtureOf('rudder-node').requests) {
      expect(header(request, 'content-type')).toBe('application/x-www-form-urlencoded')
      expect(header(request, 'content-encoding')).toBe('gzip')
    }
  })

  test('Segment’s Java SDK calls /v1/import/ and has its key in the body only, which no event keeps', async () => {
    const fixture = fixtureOf('segment-java')
    for (const request of fixture.requests) {
      expect(request.path).toBe('/v1/import/')
      expect(header(request, 'authorization')).toBeUndefined()
    }
    const { edge } = await replayAll(fixture)
    expect(edge.appends.length).toBe(fixture.requests.length)
    expect(JSON.stringify(edge.events())).not.toContain(fixture.writeKey)
  })

  test('RudderStack’s Java SDK states no length of its body', async () => {
    for (const request of fixtureOf('rudder-java').requests) {
      expect(request.chunked).toBe(true)
      expect(header(request, 'content-length')).toBeUndefined()
    }
  })

  test('Segment’s Go SDK says who it is, and has a messageId, beside the batch only', async () => {
    const fixture = fixtureOf('segment-go')
    const [body] = fixture.requests.map(bodyOf)
    expect(body).toMatchObject({ context: { library: { name: 'analytics-go' } }, messageId: expect.any(String) })
    expect(body?.batch.every((event) => event['context'] === undefined)).toBe(true)
    const { edge } = await replayAll(fixture)
    for (const { messageId, context } of edge.events()) {
      expect(context).toMatchObject({ library: { name: 'analytics-go', version: '3.0.0' } })
      expect(messageId).not.toBe((body as { messageId?: string }).messageId)
    }
  })

  test('an event that has a context of its own gets the rest of the batch’s', async () => {
    const request = firstOf(fixtureOf('segment-go'))
    const body = bodyOf(request)
    const [ada, ...others] = body.batch
    const edge = fakeEdge()
    const batch = [{ ...ada, context: { locale: 'de-CH', library: { name: 'own' } } }, ...others]
    await replay(edge, request, Buffer.from(JSON.stringify({ ...body, batch })))
    expect(edge.events()[0]?.['context']).toMatchObject({ locale: 'de-CH', library: { name: 'own' } })
    expect(edge.events()[1]?.['context']).toMatchObject({ library: { name: 'analytics-go', version: '3.0.0' } })
  })

  test('RudderStack’s Go SDK leaves the time to the server: its own clock, corrected by when it was sent', async () => {
    const fixture = fixtureOf('rudder-go')
    const sentAts = fixture.requests.flatMap((request) => bodyOf(request).batch.map((event) => String(event['sentAt'])))
    const { edge } = await replayAll(fixture)
    for (const [i, event] of edge.events().entries()) {
      const waited = Date.parse(sentAts[i] ?? '') - Date.parse(String(event['originalTimestamp']))
      expect(event['timestamp']).toBe(new Date(Date.parse(receivedAt) - waited).toISOString())
    }
  })

  test.each(['rudder-python', 'segment-python'])(
    '%s writes NaN, Infinity and more than 64 bits, and its batch arrives',
    async (client) => {
      const fixture = fixtureOf(client)
      const odd = fixture.requests.find((request) => textOf(request).includes('"Odd Numbers"'))
      expect(odd === undefined ? '' : textOf(odd)).toContain(
        '{"ratio": NaN, "most": Infinity, "least": -Infinity, "views": 1180591620717411303424}',
      )
      const { edge } = await replayAll(fixture)
      expect(edge.events().find(({ event }) => event === 'Odd Numbers')?.['properties']).toEqual({
        ratio: null,
        most: null,
        least: null,
        views: '1180591620717411303424',
      })
    },
  )

  test('an odd number takes none of the events beside it along', async () => {
    const request = firstOf(fixtureOf('rudder-python'))
    const text = textOf(request).replace('"employees": 42', '"employees": NaN, "founded": -Infinity')
    expect(text).toContain('"employees": NaN')
    const edge = fakeEdge()
    expect((await replay(edge, request, gzipSync(text))).status).toBe(200)
    expect(edge.events().map(({ type }) => type)).toEqual(bodyOf(request).batch.map(({ type }) => type))
    expect(edge.events()[1]?.['traits']).toEqual({ name: 'Analytical Society', employees: null, founded: null })
  })

  test('the null ids of the Python SDKs are no ids', async () => {
    const fixture = fixtureOf('segment-python')
    expect(textOf(fixture.requests[1] ?? firstOf(fixture))).toContain('"anonymousId": null')
    const { edge } = await replayAll(fixture)
    expect(edge.events().filter((event) => event['anonymousId'] === null || event['userId'] === null)).toEqual([])
  })
})

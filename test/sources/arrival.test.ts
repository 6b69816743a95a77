import { describe, expect, test } from 'vitest'
import { call } from '../support/call.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { casesOf, type GoldenCase, makerOf } from './golden-cases.ts'

const names = [
  'auth0',
  'braze',
  'customerio',
  'github',
  'intercom',
  'iterable',
  'monday',
  'pagerduty',
  'slack',
  'stripe',
]

for (const name of names) {
  const cases = casesOf(name)

  describe(`calls of ${name} to /v1/webhook`, async () => {
    const make = await makerOf(name)
    const send = async ({ settings, request: { headers = {}, body, raw } }: GoldenCase) => {
      const edge = fakeEdge({ source: { webhook: make(settings) } })
      const { 'content-type': type, ...others } = headers
      const form = type === undefined ? undefined : new URLSearchParams(body as Record<string, string>).toString()
      const content = raw ?? form ?? JSON.stringify(body)
      const answer = await call(edge, `/v1/webhook?writeKey=${writeKey}`, {
        key: null,
        raw: content,
        headers: { ...others, 'content-type': type ?? 'application/json' },
      })
      return { edge, answer }
    }

    test.each(cases.filter(({ events }) => events !== undefined))(
      `calls of ${name} to /v1/webhook reach the stream: $name`,
      async (one) => {
        const { edge, answer } = await send(one)
        expect([answer.status, answer.text]).toEqual([200, one.reply?.body ?? 'OK'])
        expect(edge.deadLetters).toEqual([])
        expect(edge.events()).toMatchObject(one.events ?? [])
      },
    )

    const refused = cases.filter((one) => one.refused !== undefined && !one.refused.includes('too old'))
    if (refused.length > 0)
      test.each(refused)(
        `calls of ${name} to /v1/webhook are refused with 401, counted and not stored: $name`,
        async (one) => {
          const { edge, answer } = await send(one)
          expect(answer.status).toBe(401)
          expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { 'refused:shop': 1 }])
        },
      )
  })
}

import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Draft, WebhookSource } from '../../src/core/webhook-source.ts'
import { call } from '../support/call.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'

/** What is used here of the cases that golden.test.ts describes. */
interface Case {
  readonly name: string
  readonly settings?: Readonly<Record<string, unknown>>
  readonly request: {
    readonly headers?: Record<string, string>
    readonly body?: unknown
    readonly raw?: string
    readonly method?: 'GET' | 'POST'
    readonly url?: string
  }
  readonly events?: readonly Draft[]
  readonly refused?: string
}

const root = resolve(import.meta.dirname, '../..')
const groups = [
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

for (const file of globSync(`test/sources/golden/{${groups.join(',')}}.json`, { cwd: root }).toSorted()) {
  const name = basename(file, '.json')
  const cases = JSON.parse(readFileSync(resolve(root, file), 'utf8')) as Case[]

  describe(`calls of ${name} to /v1/webhook`, async () => {
    const module = (await import(resolve(root, `src/sources/${name}.ts`))) as Record<string, unknown>
    const make = Object.values(module).find((value) => typeof value === 'function') as (
      input?: unknown,
    ) => WebhookSource
    const send = async ({ settings, request: { headers = {}, body, raw } }: Case) => {
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

    test.each(cases.filter(({ events }) => events !== undefined))('reach the stream: $name', async (one) => {
      const { edge, answer } = await send(one)
      expect([answer.status, answer.text]).toEqual([200, 'OK'])
      expect(edge.deadLetters).toEqual([])
      expect(edge.events()).toMatchObject(one.events ?? [])
    })

    const refused = cases.filter((one) => one.refused !== undefined && !one.refused.includes('too old'))
    if (refused.length > 0)
      test.each(refused)('are refused with 401, counted and not stored: $name', async (one) => {
        const { edge, answer } = await send(one)
        expect(answer.status).toBe(401)
        expect([edge.events(), edge.deadLetters, edge.counters]).toEqual([[], [], { 'refused:shop': 1 }])
      })
  })
}

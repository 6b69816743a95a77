import { describe, expect, test } from 'vitest'
import { parseJsonKeepingDigits } from '../../src/core/json-parse.ts'
import type { WebhookCall } from '../../src/core/webhook-source.ts'
import { casesOf, type GoldenCase, makersOf, sourceNames } from './golden-cases.ts'

for (const name of sourceNames) {
  const cases = casesOf(name)

  describe(`webhook source ${name}`, async () => {
    const makers = await makersOf(name)
    const make = makers[0] as (typeof makers)[number]

    test(`the webhook source ${name} is exported alone, under the name of its file, and has golden cases`, () => {
      expect(makers).toHaveLength(1)
      expect(make({}).name.replaceAll('_', '-')).toBe(name)
      expect(cases.length, `put cases into test/sources/golden/${name}.json`).toBeGreaterThan(0)
    })

    test(`the webhook source ${name} tells what is wrong with its settings instead of throwing`, () => {
      expect(make({ noSuchSetting: 1 }).problems.join()).toContain('"noSuchSetting" is no setting')
    })

    test.each(cases)(`the webhook source ${name} makes of a call what its golden case says: $name`, async (one) => {
      const source = make(one.settings)
      expect(source.problems).toEqual([])
      const memory = new Map(Object.entries(one.memory ?? {}))
      let ids = 0
      const tools = {
        now: () => Date.parse(one.now ?? '2026-11-22T10:00:00.000Z'),
        uuid: () => `uuid-${++ids}`,
        memory: {
          get: async (key: string) => memory.get(key) ?? null,
          set: async (key: string, value: string) => void memory.set(key, value),
        },
      }
      const hook = hookOf(one.request)
      const refused = await source.verify?.(hook, tools)
      if (one.refused !== undefined) return expect(refused).toContain(one.refused)
      expect(refused).toBe(undefined)
      if (one.error !== undefined) return expect(source.map(hook, tools)).rejects.toThrow(one.error)
      const mapped = await source.map(hook, tools)
      const { reply, events } = 'reply' in mapped ? mapped : { events: mapped }
      expect(reply).toEqual(one.reply)
      // As the edge would store it: what is undefined is not there.
      expect(events === undefined ? undefined : JSON.parse(JSON.stringify(events))).toEqual(one.events)
      expect(Object.fromEntries(memory)).toEqual({ ...one.memory, ...one.remembers })
    })
  })
}

function hookOf({
  method = 'POST',
  url = '/v1/webhook',
  query = {},
  headers = {},
  body,
  raw,
}: GoldenCase['request']): WebhookCall {
  const text = raw ?? (body === undefined ? '' : JSON.stringify(body))
  return { method, url, proto: 'HTTP/2', headers, query, bytes: new TextEncoder().encode(text), body: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return parseJsonKeepingDigits(text)
  } catch {
    return undefined
  }
}

import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Draft, WebhookCall, WebhookSource } from '../../src/core/webhook-source.ts'

/** One case of `test/sources/golden/<name>.json` or `<name>/*.json`: what a source makes of one call. */
interface Case {
  readonly name: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** When the call comes; RFC 3339. 2026-11-22T10:00:00.000Z when left out. */
  readonly now?: string
  /** What the source remembers from before. */
  readonly memory?: Readonly<Record<string, string>>
  readonly request: {
    readonly method?: 'GET' | 'POST'
    readonly url?: string
    readonly query?: Readonly<Record<string, readonly string[]>>
    readonly headers?: Readonly<Record<string, string>>
    /** JSON, sent as such. */
    readonly body?: unknown
    /** Text, sent as it is, instead of `body`. */
    readonly raw?: string
  }
  /** Exactly one of the four. An id drawn at random is `uuid-1`, `uuid-2`, … */
  readonly events?: readonly Draft[]
  readonly reply?: { readonly body: string; readonly contentType: string }
  readonly error?: string
  /** Part of the reason for which `verify` refuses the call. */
  readonly refused?: string
  /** What it remembers afterwards, beside what it did before. */
  readonly remembers?: Readonly<Record<string, string>>
}

const root = resolve(import.meta.dirname, '../..')

for (const file of globSync('src/sources/*.ts', { cwd: root }).toSorted()) {
  const name = basename(file, '.ts')
  if (name === 'identity-object') continue
  const golden = resolve(import.meta.dirname, 'golden')
  const cases = globSync([`${name}.json`, `${name}/*.json`], { cwd: golden })
    .toSorted()
    .flatMap((path) => JSON.parse(readFileSync(resolve(golden, path), 'utf8')) as Case[])

  describe(`webhook source ${name}`, async () => {
    const module = (await import(resolve(root, file))) as Record<string, unknown>
    const makers = Object.values(module).filter((value) => typeof value === 'function')
    const make = makers[0] as (input?: unknown) => WebhookSource

    test('exports one source, under the name of its file, and has golden cases', () => {
      expect(makers).toHaveLength(1)
      expect(make({}).name.replaceAll('_', '-')).toBe(name)
      expect(cases.length, `put cases into test/sources/golden/${name}.json`).toBeGreaterThan(0)
    })

    test('tells what is wrong with its settings instead of throwing', () => {
      expect(make({ noSuchSetting: 1 }).problems.join()).toContain('"noSuchSetting" is no setting')
    })

    test.each(cases)('$name', async (one) => {
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
      if (one.reply !== undefined) expect(mapped).toEqual({ reply: one.reply })
      // As the edge would store it: what is undefined is not there.
      else expect(JSON.parse(JSON.stringify(mapped))).toEqual(one.events)
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
}: Case['request']): WebhookCall {
  const text = raw ?? (body === undefined ? '' : JSON.stringify(body))
  return { method, url, proto: 'HTTP/2', headers, query, bytes: new TextEncoder().encode(text), body: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

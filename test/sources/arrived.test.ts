import { expect, test } from 'vitest'
import { parseJsonKeepingDigits } from '../../src/core/json-parse.ts'
import { isBlank, isRecord } from '../../src/core/json.ts'
import type { Draft, WebhookCall } from '../../src/core/webhook-source.ts'
import { stampOf, utcStampOf } from '../../src/sources/shared/time.ts'
import { casesOf, type GoldenCase, makerOf, sourceNames } from './golden-cases.ts'
import { leftOut } from './left-out.ts'

/** A value in a call, with the keys that lead to it. */
interface Leaf {
  readonly path: readonly string[]
  readonly value: string | number | boolean
}

/** Values that say something: not null, not the empty text, no empty list or object. */
function* leavesOf(value: unknown, path: readonly string[] = []): Generator<Leaf> {
  if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value)) yield* leavesOf(one, [...path, key])
  else if (!isBlank(value)) yield { path, value: value as Leaf['value'] }
}

/** What a call says: its JSON, that of its lines, that in a field of a form, or the parameters of its URL. */
function contentOf({ body, raw, query }: GoldenCase['request']): unknown {
  const content = raw === undefined ? body : parsed(raw)
  if (!isRecord(content)) return content ?? query
  const [name, text] =
    Object.entries(content).find(([, value]) => typeof value === 'string' && value.startsWith('{')) ?? []
  return Object.keys(content).length === 1 && name !== undefined ? { [name]: parsed(String(text)) } : content
}

const parsed = (text: string): unknown => {
  try {
    return parseJsonKeepingDigits(text)
  } catch {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parseJsonKeepingDigits)
  }
}

/** A call that says something else in one place. */
function changed(content: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  const copy: Record<string, unknown> = Array.isArray(content) ? ([...content] as never) : { ...(content as object) }
  copy[key] = changed(copy[key], rest, value)
  return copy
}

const otherThan = (value: Leaf['value']): Leaf['value'] =>
  typeof value === 'boolean' ? !value : typeof value === 'number' ? value * 2 + 1 : `7${value}`

async function eventsOf(one: GoldenCase, content: unknown, make: Awaited<ReturnType<typeof makerOf>>) {
  const { method = 'POST', url = '/v1/webhook', query = {}, headers = {}, body, raw } = one.request
  const isQuery = body === undefined && raw === undefined
  const isForm = isRecord(content) && contentOf(one.request) !== body && raw === undefined && !isQuery
  const given = isForm
    ? Object.fromEntries(Object.entries(content).map(([name, value]) => [name, JSON.stringify(value)]))
    : content
  const isLines = raw !== undefined && raw.includes('\n')
  const text = isLines ? (content as unknown[]).map((line) => JSON.stringify(line)).join('\n') : JSON.stringify(given)
  const call: WebhookCall = {
    method,
    url,
    proto: 'HTTP/2',
    headers,
    query: isQuery ? (content as WebhookCall['query']) : query,
    bytes: new TextEncoder().encode(text),
    body: isQuery || isLines ? undefined : given,
  }
  const memory = new Map(Object.entries(one.memory ?? {}))
  const tools = {
    now: () => Date.parse(one.now ?? '2026-11-22T10:00:00.000Z'),
    uuid: () => 'uuid',
    memory: { get: async (key: string) => memory.get(key) ?? null, set: async () => {} },
  }
  const mapped = await make(one.settings).map(call, tools)
  return ('reply' in mapped ? (mapped.events ?? []) : mapped) as readonly Draft[]
}

/** Says whether events hold a value: as it is, in a text, in a name that was made of it, or as the time that it is. */
function holds(events: readonly Draft[], value: Leaf['value']): boolean {
  const text = lettersIn(String(value))
  const stamps = new Set([stampOf(value), utcStampOf(value)])
  return [...leavesOf(events)].some(({ value: one }) => {
    const held = lettersIn(String(one))
    return one === value || held === text || (text.length > 2 && held.includes(text)) || stamps.has(String(one))
  })
}

/** `incident.priority_updated` and `Incident Priority Updated` are the same. */
const lettersIn = (text: string): string => text.toLowerCase().replace(/[\s._/-]/g, '')

test.each(sourceNames)('whatever a call of %s says is in its events, or is left out for a reason', async (name) => {
  const make = await makerOf(name)
  const reasons = Object.entries(leftOut[name] ?? {})
  const used = new Set<string>()
  const lost = new Map<string, string>()
  for (const one of casesOf(name).filter(({ events }) => events !== undefined && events.length > 0)) {
    const content = contentOf(one.request)
    const events = await eventsOf(one, content, make)
    for (const { path, value } of leavesOf(content)) {
      const other = await eventsOf(one, changed(content, path, otherThan(value)), make).catch(() => undefined)
      const matters = JSON.stringify(other) !== JSON.stringify(events)
      if (matters && holds(events, value)) continue
      // Members of a list are the same field.
      const field = path.map((key) => (/^\d+$/.test(key) ? '*' : key)).join('.')
      const reason = reasons.find(([pattern]) => isAbout(pattern, field, one.name))
      if (reason === undefined) lost.set(field, lost.get(field) ?? one.name)
      else used.add(reason[0])
    }
  }
  expect([...lost]).toEqual([])
  expect(
    reasons.map(([pattern]) => pattern).filter((pattern) => !used.has(pattern)),
    'reasons that no golden case needs',
  ).toEqual([])
})

/** A pattern is about a field, or about a field in cases whose names begin in one way: `entry.*.id @ a change`. */
function isAbout(pattern: string, field: string, caseName: string): boolean {
  const [fields = '', begin = ''] = pattern.split(' @ ')
  return new RegExp(`^(?:${fields})$`).test(field) && caseName.startsWith(begin)
}

test('the reasons for what is left out are sentences', () => {
  for (const [name, reasons] of Object.entries(leftOut))
    for (const reason of Object.values(reasons)) expect(reason, name).toMatch(/^[A-Z`].{20,}\.$/)
})

// Holds the fake of Strimzi's bridge to what bridge 0.33.1 answered before Kafka 4.3.1 (132 exchanges).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call } from './http-call.ts'
import { FakeStrimzi } from './fake-strimzi.ts'

interface Exchange {
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  }
  readonly response: { readonly status: number; readonly type?: string; readonly body?: string }
}

const recording = readFileSync(join(import.meta.dirname, '../fixtures/strimzi-0.33.1.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Exchange)

/** The names and kinds of what is in JSON: of a list, which kinds of members it has; of configs and versions, that they are. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((one) => JSON.stringify(shapeOf(one))))].toSorted()
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, name === 'configs' || name === 'replicas' ? typeof one : shapeOf(one)]),
  )
}

const answerOf = ({
  status,
  type,
  body,
}: {
  status: number
  type?: string | undefined
  body?: string | undefined
}) => ({
  status,
  type: type ?? null,
  ...(body === undefined || body === '' ? {} : { shape: shapeOf(JSON.parse(body)), code: codeIn(body) }),
})

const codeIn = (body: string): unknown => (JSON.parse(body) as { readonly error_code?: number }).error_code

describe('the recording of Strimzi bridge 0.33.1', () => {
  let fake: FakeStrimzi
  beforeAll(async () => {
    fake = new FakeStrimzi()
    fake.blockMs = 25
    await fake.start()
  })
  afterAll(() => fake.stop())

  test('the recording holds 132 exchanges with the bridge', () => {
    expect(recording).toHaveLength(132)
  })

  test.for(recording.map(({ request, response }, i) => [i, request, response] as const))(
    'exchange %i is answered by the fake with the recorded status, type and shape',
    async ([, request, response]) => {
      // Made by other means when the recording was made.
      if (request.path === '/topics/tb' && !fake.kafka.topics.includes('tb')) fake.kafka.createTopic('tb')
      expect(answerOf(await call(fake.url, request))).toEqual(answerOf(response))
    },
  )

  test('the fake has kept the bytes that the bridge has kept', () => {
    const stored = fake.kafka.read('tb', 0, 0).map(({ key, value }) => [key?.toString(), value?.toString('hex')])
    expect(stored.slice(0, 5)).toEqual([
      ['"u1"', Buffer.from('null').toString('hex')],
      ['u1', '9ee965'],
      ['u1', ''],
      [undefined, ''],
      ['"u1"', Buffer.from('"str"').toString('hex')],
    ])
    expect(stored[10]).toEqual([undefined, ''])
    expect(stored[12]).toEqual([undefined, Buffer.from('hel').toString('hex')])
    expect(fake.kafka.committed.get('g1')).toEqual(
      new Map([
        ['tc-0', 3],
        ['tc-1', 2],
      ]),
    )
  })
})

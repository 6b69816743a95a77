import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { call } from './http-call.ts'

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

/**
 * Replays what bridge 0.33.1 answered before Kafka 4.3.1 (132 exchanges), and compares status, type and shape.
 *
 * @param name of the server under test
 * @param server its address, and what makes a topic by other means than the bridge
 */
export function recordingCases(
  name: string,
  server: { readonly url: () => string; readonly createTopic: (topic: string) => Promise<void> },
): void {
  let isMade = false

  test(`the recording for ${name} holds 132 exchanges with the bridge`, () => {
    expect(recording).toHaveLength(132)
  })

  test.for(recording.map(({ request, response }, i) => [i, request, response] as const))(
    `exchange %i is answered by ${name} with the recorded status, type and shape`,
    { timeout: 90_000 },
    async ([, request, response]) => {
      // Made by other means when the recording was made.
      if (request.path === '/topics/tb' && !isMade) await server.createTopic('tb')
      isMade ||= request.path === '/topics/tb'
      expect(answerOf(await call(server.url(), request))).toEqual(answerOf(response))
    },
  )
}

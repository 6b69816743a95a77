import type { Context } from 'hono'
import * as v from 'valibot'
import type { Bindings } from '../core/bindings.ts'
import type { SluicewayError } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import { textOf } from '../platform/body.ts'
import { KafkaError } from './kafka-error.ts'
import type { AnswerLimits } from './message-writer.ts'
import type { Encoding } from './records.ts'
import type { TopicSet } from './topic-set.ts'
import { assertGroupAllowed, type Login } from './users.ts'

/** What every handler of `/kafka` has. */
export interface KafkaEnv {
  readonly Bindings: { readonly bindings: Bindings; readonly port: Port }
  readonly Variables: { login: Login; topics: TopicSet; encoding: Encoding }
}

/** One call of a route of `/kafka`. */
export type KafkaCall = Context<KafkaEnv>

/** Bytes of a request's body. */
const bodyBytes = 8_388_608
/** Milliseconds that a call waits for records at most. */
const mostWaitMs = 30_000

/** Records of one answer, unless the call says otherwise; and at most. */
const usualRecords = 1_000
const mostRecords = 10_000
/** Bytes of one answer, unless the call says otherwise; and at most: a few such answers fit into an isolate. */
const usualBytes = 4_000_000
const mostBytes = 8_000_000
/** Milliseconds that a call waits for records, unless it says otherwise. */
const usualWaitMs = 1_000

const bound = (least: number) =>
  v.nullish(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be a whole number'),
      v.minValue(least, `must be ${least} or more`),
    ),
  )
/** What a body may say of how much is read. */
export const readBounds = { timeout: bound(0), maxRecords: bound(1), maxBytes: bound(1) }

/** How much a call reads, and for how many milliseconds it waits for the first record. More than the most is the most. */
export const limitsOf = (
  c: KafkaCall,
  body: v.InferOutput<v.ObjectSchema<typeof readBounds, undefined>>,
): AnswerLimits & { readonly waitMs: number } => ({
  records: Math.min(body.maxRecords ?? usualRecords, mostRecords),
  bytes: Math.min(body.maxBytes ?? usualBytes, mostBytes),
  waitMs: Math.min(body.timeout ?? usualWaitMs, mostWaitMs),
  encoding: c.get('encoding'),
})

/**
 * The group and the instance of the path.
 *
 * @returns both names
 * @throws {KafkaError} 400 where a name is none, 403 where the user may not use the group
 */
export function memberOf(c: KafkaCall): { readonly group: string; readonly instance: string } {
  const { group = '', instance = '' } = c.req.param() as { group?: string; instance?: string }
  for (const name of [group, instance])
    if (!/^[\w.-]{1,249}$/.test(name))
      throw new KafkaError(
        400,
        'The path must name a group and an instance: up to 249 letters, digits, dots, underscores and dashes each',
      )
  assertGroupAllowed(c.get('login'), group)
  return { group, instance }
}

/** The settings of a consumer, which are headers. Throws a KafkaError with 400 where one is wrong. */
export function consumerSettings(c: KafkaCall) {
  const reset = c.req.header('kafka-auto-offset-reset') ?? 'latest'
  if (reset !== 'earliest' && reset !== 'latest' && reset !== 'none')
    throw new KafkaError(400, 'Kafka-Auto-Offset-Reset is earliest, latest or none')
  const autoCommit = c.req.header('kafka-enable-auto-commit') ?? 'true'
  if (autoCommit !== 'true' && autoCommit !== 'false')
    throw new KafkaError(400, 'Kafka-Enable-Auto-Commit is true or false')
  return {
    reset,
    autoCommit: autoCommit === 'true',
    commitMs: milliseconds(c, 'Kafka-Auto-Commit-Interval', 5_000),
    sessionMs: milliseconds(c, 'Kafka-Session-Timeout-Ms', 120_000),
  } as const
}

function milliseconds(c: KafkaCall, name: string, usual: number): number {
  const text = c.req.header(name)
  const value = text === undefined ? usual : Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 86_400_000)
    throw new KafkaError(400, `${name} is a number of milliseconds, at most a day`)
  return value
}

/** How keys and values stand in the JSON of a call. Throws a KafkaError with 400 where the header is wrong. */
export function encodingOf(c: KafkaCall): Encoding {
  const text = c.req.header('kafka-encoding') ?? 'text'
  if (text !== 'text' && text !== 'base64') throw new KafkaError(400, 'Kafka-Encoding is text or base64')
  return text
}

/** Milliseconds since the epoch, 0 for the oldest record that is left, Infinity for the end. Throws a KafkaError with 400. */
export function timeOf(text: string): number {
  if (text === 'earliest') return 0
  if (text === 'latest') return Infinity
  if (!/^\d{1,15}$/.test(text))
    throw new KafkaError(400, 'The time is earliest, latest, or a number of milliseconds since 1970')
  return Number(text)
}

/**
 * Reads the JSON of a call.
 *
 * @param c the call
 * @param usual what an empty body stands for; without it, an empty body is refused
 * @throws {KafkaError} 400
 */
export async function jsonOf(c: KafkaCall, usual?: unknown): Promise<unknown> {
  const text = await textOf(c.req.raw, bodyBytes)
  if (text.trim() === '') {
    if (usual !== undefined) return usual
    throw new KafkaError(400, 'The body is empty: send JSON with POST')
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new KafkaError(400, 'The body is no JSON')
  }
}

/**
 * Checks a body against its schema.
 *
 * @returns the body, with defaults filled in
 * @throws {KafkaError} 400, which names the field
 */
export function checked<T extends v.GenericSchema>(schema: T, value: unknown): v.InferOutput<T> {
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  throw new KafkaError(
    400,
    parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'The body'} ${issue.message}`).join('; '),
  )
}

/** The error of this dialect for one of ours: a body that could not be read, or an object that did not answer. */
export function kafkaErrorOf({ code, message }: SluicewayError): KafkaError {
  if (code === 'body_too_large')
    return new KafkaError(413, `The body may have ${bodyBytes} bytes, also after inflating: send fewer records at once`)
  return new KafkaError(code === 'body_unreadable' || code === 'unsupported_encoding' ? 400 : 503, message)
}

/** Says that all went well, as this dialect does. */
export const successAnswer = (c: KafkaCall): Response => c.json({ result: 'Success', status: 200 })

/** Answers with messages, which are JSON already. */
export const messagesAnswer = (c: KafkaCall, messages: Uint8Array<ArrayBuffer> | ReadableStream): Response =>
  c.body(messages, 200, { 'content-type': 'application/json', 'cache-control': 'no-store' })

/** Answers with an error, as this dialect does. */
export const errorAnswer = (c: KafkaCall, { status, message }: KafkaError): Response =>
  c.json({ error: message, status }, status, {
    'cache-control': 'no-store',
    ...(status === 401 ? { 'www-authenticate': 'Basic realm="kafka"' } : {}),
    ...(status === 503 ? { 'retry-after': '2' } : {}),
  })

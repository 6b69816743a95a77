import type { Envelope } from '../../core/envelope.ts'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import { laneOf } from '../../core/lanes.ts'
import type { TriggerContext } from '../../core/stream.ts'
import { withTimeout } from '../../core/with-timeout.ts'
import { bytesIn } from '../../platform/body.ts'
import { pushToLanes } from '../push-to-lanes.ts'
import { readMessage } from '../queues/messages.ts'
import { bodyHashOf, readSignature } from './signature.ts'

/** Bytes of a call. */
const callBytes = 1_048_576
/** Milliseconds that the lanes may take; QStash is told to wait longer. */
const lanesMs = 20_000

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a call is held against. */
export interface CallOptions {
  /** The URL that QStash was told to call. */
  readonly url: string
  /** The current signing key and the next. */
  readonly keys: readonly string[]
  readonly context: TriggerContext
}

/**
 * Takes a call of QStash.
 *
 * @param request as it came
 * @param options what it is held against, and where its events go
 * @returns 204 once its events are durable here; 401 without a right signature; 489 for what no retry makes readable, which QStash
 *   then keeps in its dead-letter queue; 503 when it shall come again
 */
export async function takeCall(request: Request, { url, keys, context }: CallOptions): Promise<Response> {
  if (request.method !== 'POST') return answerOf(405, 'QStash calls with POST', { allow: 'POST' })
  const signed = await readSignature(request.headers.get('upstash-signature'), { url, keys })
  if ('problem' in signed) return unsigned(signed.problem, context)
  let body: Uint8Array
  try {
    body = await bytesIn(asItCame(request), callBytes)
  } catch (error) {
    return error instanceof SluicewayError && error.code === 'body_too_large'
      ? foreign(request, 'it is larger than any message of Sluiceway', context)
      : answerOf(503, 'The body broke off', { 'retry-after': '5' })
  }
  if ((await bodyHashOf(body)) !== signed.bodyHash) return unsigned('the signature is of another body', context)
  let message: ReturnType<typeof readMessage>
  try {
    message = readMessage(decoder.decode(body))
  } catch (error) {
    return foreign(request, reasonOf(error), context)
  }
  try {
    await withTimeout(handOver(message.envelopes, message.partition, context), lanesMs, 'the lanes')
    return new Response(null, { status: 204 })
  } catch (error) {
    context.port.log('warn', 'a message of QStash was not taken; it comes again', { reason: reasonOf(error) })
    return answerOf(503, 'A lane is unavailable', { 'retry-after': '5' })
  }
}

const handOver = (envelopes: readonly Envelope[], partition: number, { bindings, append }: TriggerContext) =>
  append === undefined
    ? pushToLanes(envelopes, partition, { push: (ref, text) => laneOf(bindings, ref).push(ref, text) })
    : append(envelopes)

/** The request without the name of a compression: what is signed are the bytes as they came. */
function asItCame(request: Request): Request {
  const headers = new Headers(request.headers)
  headers.delete('content-encoding')
  return new Request(request, { headers })
}

/** The body is left alone: whoever looks for another stream that knows the caller needs it. */
function unsigned(problem: string, { port }: TriggerContext): Response {
  port.log('warn', 'a call to /qstash was refused', { reason: problem })
  return answerOf(401, `The signature is wrong: ${problem}`)
}

/** Signed, but not written here: QStash does not retry it, and a person finds it in its dead-letter queue. */
function foreign(request: Request, reason: string, { port }: TriggerContext): Response {
  const messageId = request.headers.get('upstash-message-id')
  port.log('error', 'a message of QStash was not written by Sluiceway; it is in the dead-letter queue of QStash', {
    messageId,
    reason,
  })
  return answerOf(489, 'The message was not written by Sluiceway', { 'upstash-nonretryable-error': 'true' })
}

const answerOf = (status: number, text: string, headers: Record<string, string> = {}): Response =>
  new Response(text, { status, headers: { ...headers, 'content-type': 'text/plain', 'cache-control': 'no-store' } })

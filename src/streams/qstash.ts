import { Client } from '@upstash/qstash'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Packed } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { laneOf } from '../core/lanes.ts'
import type { Appended, Stream, TriggerContext } from '../core/stream.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { bytesIn } from '../platform/body.ts'
import { partitionOf } from '../storage/murmur2.ts'
import { assertWithinLimits } from './limits.ts'
import { pushToLanes } from './push-to-lanes.ts'
import { signatureProblem } from './qstash/signature.ts'
import { messageBatchesOf, readMessage } from './queues/messages.ts'

const fields = {
  url: {
    type: 'url',
    about: 'Address of this deployment, which QStash calls: the same for every request, and without a path.',
    insecureWhen: 'allowPrivate',
  },
  token: { type: 'string', about: 'QSTASH_TOKEN.', secret: true },
  currentSigningKey: { type: 'string', about: 'QSTASH_CURRENT_SIGNING_KEY.', secret: true },
  nextSigningKey: { type: 'string', about: 'QSTASH_NEXT_SIGNING_KEY.', secret: true },
  qstashUrl: {
    type: 'url',
    about: 'QSTASH_URL, the region of QStash.',
    default: 'https://qstash.upstash.io',
    insecureWhen: 'allowPrivate',
  },
  partitions: {
    type: 'number',
    about: 'Lanes per destination, and flow-control keys of QStash: one message of each is under way at a time.',
    default: 1,
    min: 1,
    max: 1024,
    check: (value: number) => (Number.isInteger(value) ? undefined : 'must be a whole number'),
  },
  retries: {
    type: 'number',
    about: 'Retries of QStash before a message goes to its dead-letter queue, from where it is fetched each minute.',
    default: 3,
    min: 0,
    max: 20,
  },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/** One append; an envelope (header and event) must fit one message. */
const limits = { events: 5_000, bytes: 800_000, envelopeBytes: 900_000 }
/** A message has at most 1 MB on the free plan of QStash. */
const messageLimits = { messageBytes: 900_000, batchBytes: 8_000_000, batchMessages: 100 }
/** Bytes of a call of QStash. */
const callBytes = 1_048_576
/** Milliseconds that QStash may take to answer. */
const answerMs = 10_000
/** Messages that are fetched from the dead-letter queue of QStash in a minute. */
const mostFetched = 100
/** The inboxes of the lanes recognize duplicates for ten minutes. */
const dedupMs = 600_000
/** Where QStash calls. */
const path = '/qstash'

const decoder = new TextDecoder()

/**
 * Chooses QStash as the stream: a push queue over HTTP, at-least-once. Messages of one partition go out one at a time, but one
 * that is retried may come after later ones. What QStash gives up is fetched from its dead-letter queue each minute.
 *
 * https://upstash.com/docs/qstash (checked 2026-11-22)
 *
 * @param input `url`, `token`, `currentSigningKey`, `nextSigningKey`; optionally `qstashUrl`, `partitions`, `retries`,
 *   `allowPrivate`
 * @returns the stream for `defineConfig`
 * @example qstash({ url: 'https://events.example.com', token: env.QSTASH_TOKEN, currentSigningKey: env.QSTASH_CURRENT_SIGNING_KEY, nextSigningKey: env.QSTASH_NEXT_SIGNING_KEY })
 */
export function qstash(input: Input<typeof fields>): Stream {
  const { settings, problems } = checkSettings(fields, input)
  const { partitions, token, qstashUrl, retries } = settings
  const url = `${(settings.url ?? '').replace(/\/+$/, '')}${path}`
  const keys = [settings.currentSigningKey, settings.nextSigningKey]
  // The client repeats what may have been taken; the edge spills instead, and the lanes drop repeats.
  const client = new Client({ token, baseUrl: qstashUrl, retry: false, enableTelemetry: false, devMode: false })
  return {
    name: 'qstash',
    partitions,
    problems,
    limits,
    eventBytesLimit: 524_288,
    dedupMs,
    triggers: {
      fetch: async (request, context) =>
        new URL(request.url).pathname === path ? takeCall(request, { url, keys, context }) : undefined,
      scheduled: async ({ port }) => {
        try {
          const { responses } = await withTimeout(
            client.dlq.retry({ filter: { url }, count: mostFetched }),
            answerMs,
            'QStash',
          )
          if (responses.length > 0)
            port.log('warn', 'messages were fetched from the dead-letter queue of QStash', {
              messages: responses.length,
            })
        } catch (error) {
          port.log('error', 'the dead-letter queue of QStash could not be asked', { reason: reasonOf(error) })
        }
      },
    },
    append: (batch) => append(batch, { client, url, partitions, retries }),
  }
}

interface Publishing {
  readonly client: Client
  readonly url: string
  readonly partitions: number
  readonly retries: number
}

async function append(batch: readonly Packed[], { client, url, partitions, retries }: Publishing): Promise<Appended> {
  assertWithinLimits(limits, batch)
  const batches = messageBatchesOf(batch, (key) => partitionOf(key, partitions), messageLimits)
  try {
    // One after the other, so that the order of one request survives as far as QStash keeps it.
    for (const bodies of batches) {
      const answers = await withTimeout(
        client.batch(
          bodies.map((body) => ({
            url,
            body,
            headers: { 'content-type': 'text/plain; charset=utf-8' },
            retries,
            flowControl: { key: `sluiceway-${body.slice(0, body.indexOf('\n'))}`, parallelism: 1 },
          })),
        ),
        answerMs,
        'QStash',
      )
      for (const answer of answers as { readonly messageId?: string; readonly error?: string }[])
        if (answer.messageId === undefined) throw new Error(answer.error ?? 'QStash did not take a message')
    }
  } catch (cause) {
    throw new SluicewayError(
      'stream_unavailable',
      `QStash did not take the events; send them again: ${reasonOf(cause)}`,
      { cause },
    )
  }
  return { accepted: batch.length, duplicates: 0 }
}

interface Call {
  readonly url: string
  readonly keys: readonly string[]
  readonly context: TriggerContext
}

/**
 * Takes a call of QStash: 204 once the lanes have stored its events, 401 without a right signature, 489 for what no retry makes
 * readable, 503 when a lane is unavailable.
 */
async function takeCall(request: Request, { url, keys, context }: Call): Promise<Response> {
  if (request.method !== 'POST') return answer(405, 'QStash calls with POST', { allow: 'POST' })
  let body: Uint8Array
  try {
    body = await bytesIn(request, callBytes)
  } catch (error) {
    return error instanceof SluicewayError && error.code === 'body_too_large'
      ? finalAnswer('The body is larger than any message of ours')
      : answer(503, 'The body broke off', { 'retry-after': '5' })
  }
  const problem = await signatureProblem(request.headers.get('upstash-signature'), body, { url, keys })
  if (problem !== undefined) {
    context.port.log('warn', 'a call to /qstash was refused', { reason: problem })
    return answer(401, `The signature is wrong: ${problem}`)
  }
  let message: ReturnType<typeof readMessage>
  try {
    message = readMessage(decoder.decode(body))
    if (!Number.isInteger(message.partition)) throw new TypeError('it names no partition')
  } catch (error) {
    // Signed, but not written here: it stays in QStash's dead-letter queue, where a person finds it.
    context.port.log('error', 'a message of QStash cannot be read', {
      messageId: request.headers.get('upstash-message-id'),
      reason: reasonOf(error),
    })
    return finalAnswer('The message was not written by Sluiceway')
  }
  try {
    await pushToLanes(message.envelopes, message.partition, {
      push: (ref, text) => laneOf(context.bindings, ref).push(ref, text),
    })
    return new Response(null, { status: 204 })
  } catch (error) {
    context.port.log('warn', 'a lane did not take a message of QStash', { reason: reasonOf(error) })
    return answer(503, 'A lane is unavailable', { 'retry-after': '5' })
  }
}

const answer = (status: number, text: string, headers: Record<string, string> = {}): Response =>
  new Response(text, { status, headers: { ...headers, 'content-type': 'text/plain', 'cache-control': 'no-store' } })

/** QStash does not retry after this status and header. */
const finalAnswer = (text: string): Response => answer(489, text, { 'upstash-nonretryable-error': 'true' })

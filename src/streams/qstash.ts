import { Client } from '@upstash/qstash'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Packed } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Appended, Stream } from '../core/stream.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { partitionOf } from '../storage/murmur2.ts'
import { assertWithinLimits } from './limits.ts'
import { partitionsField } from './partitions.ts'
import { fetchDeadLetters, label } from './qstash/fetch-dead-letters.ts'
import { takeCall } from './qstash/take-call.ts'
import { messageBatchesOf } from './queues/messages.ts'

const fields = {
  url: {
    type: 'url',
    about: 'Address of this deployment, which QStash calls: the same for every request, and without a path.',
    insecureWhen: 'allowPrivate',
    check: (value: string) => (new URL(value).href === `${new URL(value).origin}/` ? undefined : 'must have no path'),
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
  partitions: partitionsField(
    'Lanes per destination, and flow-control keys of QStash: one message of each is under way at a time.',
  ),
  retries: {
    type: 'number',
    about: 'Retries of QStash before a message goes to its dead-letter queue, from where it is fetched each minute.',
    default: 3,
    min: 0,
    max: 20,
    whole: true,
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
/** Milliseconds that QStash may take to answer. */
const answerMs = 10_000
/** Seconds that QStash waits for an answer of ours; left out, one that hangs would hold up its partition for minutes. */
const deliverySeconds = 30
/** The inboxes of the lanes recognize duplicates for ten minutes. */
const dedupMs = 600_000
/** Where QStash calls. */
const path = '/qstash'

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
  let made: Client | undefined
  // Made late: it complains where there is no token. It repeats nothing: the edge spills, and the lanes drop repeats.
  const client = () =>
    (made ??= new Client({ token, baseUrl: qstashUrl, retry: false, enableTelemetry: false, devMode: false }))
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
      scheduled: ({ port }) => fetchDeadLetters(client(), url, port),
    },
    append: (batch) => append(batch, { client: client(), url, partitions, retries }),
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
  // The keys are those of the account, which may have other deployments.
  const flow = `sluiceway-${new URL(url).host.replaceAll(/[^\w-]/g, '_')}`
  try {
    // One after the other, so that the order of one request survives as far as QStash keeps it.
    for (const bodies of batches) {
      const answers: readonly object[] = await withTimeout(
        client.batch(
          bodies.map((body) => ({
            url,
            body,
            headers: { 'content-type': 'text/plain; charset=utf-8' },
            retries,
            timeout: deliverySeconds,
            label,
            // Its logs would show personal data; what it delivers is whole.
            redact: { body: true },
            flowControl: { key: `${flow}-${body.slice(0, body.indexOf('\n'))}`, parallelism: 1 },
          })),
        ),
        answerMs,
        'QStash',
      )
      assertTaken(answers, bodies.length)
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

/** A batch is answered with 200 also when single messages of it were not taken. */
function assertTaken(answers: readonly { readonly messageId?: unknown; readonly error?: unknown }[], count: number) {
  for (const { messageId, error } of answers)
    if (typeof messageId !== 'string' || messageId === '')
      throw new Error(typeof error === 'string' ? error : 'QStash did not take a message')
  if (answers.length < count) throw new Error(`QStash reported on ${answers.length} of ${count} messages`)
}

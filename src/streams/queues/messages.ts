import type { NewDeadLetter } from '../../core/dead-letter.ts'
import { type Envelope, type Packed, unpack } from '../../core/envelope.ts'
import { reasonOf, SluicewayError } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { edgeLane, laneOf } from '../../core/lanes.ts'
import type { Port } from '../../core/port.ts'
import type { TriggerContext } from '../../core/stream.ts'

const encoder = new TextEncoder()

/** A message may have 128 KB with about 100 bytes of metadata, a batch 256 KB and 100 messages (Queues limits, 2026-11-22). */
export const messageBytes = 127_000
/** What Cloudflare Queues take. */
const queueLimits: MessageLimits = { messageBytes, batchBytes: 250_000, batchMessages: 100 }

/** What a queue takes at once. */
export interface MessageLimits {
  /** Bytes of one message, in UTF-8. */
  readonly messageBytes: number
  /** Bytes of all messages of a batch. */
  readonly batchBytes: number
  readonly batchMessages: number
}

/** Attempts after which a message is sent anew, below `max_retries` of wrangler.toml. */
const renewFrom = 50
const longestDelaySeconds = 300

interface QueueMessage {
  readonly body: string
  /** In UTF-8. */
  readonly bytes: number
}

/**
 * Packs envelopes into messages and these into batches, in order. A message has those of one partition: `<partition>\n` and
 * the text of `pack`.
 *
 * @param batch what is to be sent
 * @param partitionOf the partition of a key
 * @param limits of the queue; those of Cloudflare Queues when left out
 * @returns bodies of messages, by the batches in which a queue takes them
 * @throws {SluicewayError} stream_limit when an event does not fit into a message
 */
export function messageBatchesOf(
  batch: readonly Packed[],
  partitionOf: (key: string) => number,
  limits: MessageLimits = queueLimits,
): string[][] {
  const batches: string[][] = []
  let bytes = 0
  for (const message of messagesOf(batch, partitionOf, limits)) {
    const last = batches.at(-1)
    if (last === undefined || last.length === limits.batchMessages || bytes + message.bytes > limits.batchBytes) {
      batches.push([message.body])
      bytes = message.bytes
    } else {
      last.push(message.body)
      bytes += message.bytes
    }
  }
  return batches
}

function messagesOf(
  batch: readonly Packed[],
  partitionOf: (key: string) => number,
  limits: MessageLimits,
): QueueMessage[] {
  const open = new Map<number, { body: string; bytes: number }>()
  const messages: QueueMessage[] = []
  for (const packed of batch) {
    const bytes = encoder.encode(packed.text).byteLength
    if (bytes > limits.messageBytes)
      throw new SluicewayError(
        'stream_limit',
        `Event ${packed.id} has ${bytes} bytes with its header; a message of the queue holds ${limits.messageBytes}. Lower limits.eventBytes or use the log.`,
      )
    const partition = partitionOf(packed.key)
    let message = open.get(partition)
    if (message === undefined || message.bytes + bytes > limits.messageBytes) {
      message = { body: `${partition}\n`, bytes: 8 }
      open.set(partition, message)
      messages.push(message)
    }
    message.body += packed.text
    message.bytes += bytes
  }
  return messages
}

/**
 * Reads a message as `messageBatchesOf` wrote it.
 *
 * @param body of the message; anybody may have written it
 * @returns its partition and its envelopes, of which there is at least one; throws a TypeError or SyntaxError that says why it is
 *   no such message
 */
export function readMessage(body: unknown): { readonly partition: number; readonly envelopes: readonly Envelope[] } {
  const [, digits = ''] = (typeof body === 'string' ? /^(\d{1,5})\n/.exec(body) : null) ?? []
  if (digits === '') throw new TypeError('it does not begin with the number of a partition')
  const envelopes = unpack((body as string).slice(digits.length + 1))
  if (envelopes.length === 0) throw new TypeError('it has no event')
  if (!envelopes.every(isWhole)) throw new TypeError('it has something else than events with their headers')
  return { partition: Number(digits), envelopes }
}

function isWhole({ header, text }: Envelope): boolean {
  if (!isRecord(header)) return false
  const { id, key, source, receivedAt, to } = header
  return (
    [id, key, source, receivedAt].every((one) => typeof one === 'string') &&
    Array.isArray(to) &&
    to.every((one) => typeof one === 'string') &&
    text.startsWith('{') &&
    text.endsWith('}')
  )
}

/**
 * Appends what a queue delivers to the stream that a deployment has now: the queue was its stream before. Nothing that was
 * accepted then is lost, and a message that the stream does not take is delivered again.
 *
 * @param batch what the queue delivered
 * @param context with the append of the stream
 */
export async function appendMessages(
  batch: MessageBatch<string>,
  { append, ...context }: Required<TriggerContext>,
): Promise<void> {
  for (const message of batch.messages) {
    const read = await readOrBury(message, context)
    if (read === undefined) continue
    try {
      await append(read.envelopes)
      message.ack()
    } catch (error) {
      context.port.log('warn', 'a message of the queue was not taken; it comes again', { reason: reasonOf(error) })
      await redeliver(message, context.bindings.EVENTS)
    }
  }
}

/**
 * Reads a message; one that was not written here becomes a dead letter of the edge, and keeps no other back.
 *
 * @param message acknowledged when it is buried, delivered again when that fails
 * @param context where dead letters are
 * @returns undefined when it was not readable
 */
export async function readOrBury(
  message: Message<string>,
  { bindings, port }: Pick<TriggerContext, 'bindings' | 'port'>,
): Promise<ReturnType<typeof readMessage> | undefined> {
  try {
    return readMessage(message.body)
  } catch (thrown) {
    const what = `The queue of the stream holds what Sluiceway did not write: ${reasonOf(thrown)}.`
    port.log('error', 'a message of the queue was not written by Sluiceway; it is a dead letter', { id: message.id })
    try {
      await laneOf(bindings, edgeLane).addDeadLetters(edgeLane, [letterOf(message, what, port)])
      message.ack()
    } catch {
      await redeliver(message, bindings.EVENTS)
    }
    return undefined
  }
}

const letterOf = ({ id, body }: Message, reason: string, port: Pick<Port, 'now'>): NewDeadLetter => ({
  stage: 'ingest',
  messageId: `queue:${id}`,
  source: 'queue',
  key: '',
  reason,
  code: 'bad_request',
  receivedAt: new Date(port.now()).toISOString(),
  event: JSON.stringify(body) ?? 'null',
  attempts: [],
})

/**
 * Lets a message be delivered again later. A queue drops a message after its last retry, so one that has had many is sent
 * anew instead: it then waits as long as it takes.
 */
export async function redeliver(message: Message<string>, queue: Pick<Queue<string>, 'send'>): Promise<void> {
  if (message.attempts < renewFrom) {
    message.retry({ delaySeconds: Math.min(longestDelaySeconds, 2 ** Math.min(message.attempts, 8)) })
    return
  }
  try {
    await queue.send(message.body, { contentType: 'text', delaySeconds: longestDelaySeconds })
    message.ack()
  } catch {
    message.retry({ delaySeconds: longestDelaySeconds })
  }
}

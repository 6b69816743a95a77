import { type Envelope, pack, type Packed, unpack } from '../../core/envelope.ts'
import { SluicewayError } from '../../core/errors.ts'

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

/** Reads a message as `messageBatchesOf` wrote it. */
export function readMessage(body: string): { readonly partition: number; readonly envelopes: readonly Envelope[] } {
  const end = body.indexOf('\n')
  return { partition: Number(body.slice(0, end)), envelopes: unpack(body.slice(end + 1)) }
}

/**
 * Appends what a queue delivers to the stream that a deployment has now: the queue was its stream before. Nothing that was
 * accepted then is lost, and a message that the stream does not take is delivered again.
 *
 * @param batch what the queue delivered
 * @param queue the queue itself
 * @param append the stream's own
 */
export async function appendMessages(
  batch: MessageBatch<string>,
  queue: Pick<Queue<string>, 'send'>,
  append: (events: readonly Packed[]) => Promise<unknown>,
): Promise<void> {
  for (const message of batch.messages) {
    try {
      await append(readMessage(message.body).envelopes.map(({ header, text }) => pack(header, text)))
      message.ack()
    } catch {
      await redeliver(message, queue)
    }
  }
}

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

import type { Bindings } from '../core/bindings.ts'
import { type Packed, unpack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import { partitionOf } from '../storage/murmur2.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Appended, Inbox, LaneRef, Stream } from '../core/stream.ts'
import { assertWithin } from './limits.ts'

const fields = {
  partitions: {
    type: 'number',
    about: 'Lanes per destination; each keeps the order of its keys as far as the queue delivers in order.',
    default: 1,
    min: 1,
    max: 1024,
  },
} as const

const encoder = new TextEncoder()

/** A message may have 128 KB with about 100 bytes of metadata, a batch 256 KB and 100 messages (Queues limits, 2026-11-22). */
const messageBytes = 127_000
const batchBytes = 250_000
const batchMessages = 100

/** Attempts after which a message is sent anew, below `max_retries` of wrangler.toml. */
const renewFrom = 50
const longestDelaySeconds = 300

/** One append; an envelope (header and event) must fit one message. */
const limits = { events: 5_000, bytes: 800_000, envelopeBytes: messageBytes }

/**
 * Chooses Cloudflare Queues as the stream: no order across messages, at-least-once, retention by the queue (up to 14 days).
 *
 * @param input partitions; optional
 * @returns the stream for `defineConfig`; `wrangler.toml` binds the queue as EVENTS
 */
export function queues(input: Input<typeof fields> = {}): Stream {
  const { settings, problems } = checkSettings(fields, input)
  const { partitions } = settings
  return {
    name: 'queues',
    partitions,
    problems,
    limits,
    eventBytesLimit: 120_000,
    readable: false,
    settings,
    append: (batch, bindings) => append(batch, partitions, (bindings as unknown as Bindings).EVENTS),
  }
}

async function append(batch: readonly Packed[], partitions: number, queue: Queue<string>): Promise<Appended> {
  assertWithin(limits, batch)
  const sends = batches(messagesOf(batch, partitions))
  try {
    // One after the other, so that the order of one request survives as far as the queue keeps it.
    for (const messages of sends)
      await queue.sendBatch(messages.map((body) => ({ body, contentType: 'text' as const })))
  } catch (cause) {
    throw new SluicewayError('stream_unavailable', 'The queue did not take the events; send them again.', { cause })
  }
  return { accepted: batch.length, duplicates: 0 }
}

/** Packs envelopes of one partition into messages: `<partition>\n` and the text of `pack`. */
function messagesOf(batch: readonly Packed[], partitions: number): { readonly body: string; readonly bytes: number }[] {
  const open = new Map<number, { body: string; bytes: number }>()
  const messages: { body: string; bytes: number }[] = []
  for (const packed of batch) {
    const bytes = encoder.encode(packed.text).byteLength
    if (bytes > messageBytes)
      throw new SluicewayError(
        'stream_limit',
        `Event ${packed.id} has ${bytes} bytes with its header; a queue message holds ${messageBytes}. Lower limits.eventBytes or use the log.`,
      )
    const partition = partitionOf(packed.key, partitions)
    let message = open.get(partition)
    if (message === undefined || message.bytes + bytes > messageBytes) {
      message = { body: `${partition}\n`, bytes: 8 }
      open.set(partition, message)
      messages.push(message)
    }
    message.body += packed.text
    message.bytes += bytes
  }
  return messages
}

function batches(messages: readonly { readonly body: string; readonly bytes: number }[]): string[][] {
  const all: string[][] = []
  let bytes = 0
  for (const message of messages) {
    const last = all.at(-1)
    if (last === undefined || last.length === batchMessages || bytes + message.bytes > batchBytes) {
      all.push([message.body])
      bytes = message.bytes
    } else {
      last.push(message.body)
      bytes += message.bytes
    }
  }
  return all
}

/**
 * Hands a batch of queue messages to the lanes: the Worker's `queue` handler.
 *
 * Each message is acknowledged once every lane that one of its events is routed to has stored it, and retried after
 * some seconds when a lane has not. A queue drops a message after its last retry, so one that has had many is sent anew
 * instead: it then waits for the lane as long as it takes.
 *
 * @param batch what the queue delivered; bodies as `append` wrote them
 * @param inbox where the lanes are
 * @param queue the queue itself
 */
export async function consumeQueue(
  batch: MessageBatch<string>,
  inbox: Pick<Inbox, 'push'>,
  queue: Pick<Queue<string>, 'send'>,
): Promise<void> {
  const texts = new Map<string, { readonly ref: LaneRef; text: string; readonly messages: Set<Message<string>> }>()
  for (const message of batch.messages) {
    const cut = message.body.indexOf('\n')
    const partition = Number(message.body.slice(0, cut))
    for (const envelope of unpack(message.body.slice(cut + 1))) {
      for (const target of envelope.header.to) {
        const name = `${target}:${partition}`
        let entry = texts.get(name)
        if (entry === undefined) {
          entry = { ref: { target, partition }, text: '', messages: new Set() }
          texts.set(name, entry)
        }
        entry.text += `${JSON.stringify(envelope.header)}\n${envelope.text}\n`
        entry.messages.add(message)
      }
    }
  }
  const failed = new Set<Message<string>>()
  await Promise.all(
    [...texts.values()].map(async ({ ref, text, messages }) => {
      try {
        await inbox.push(ref, text)
      } catch {
        for (const message of messages) failed.add(message)
      }
    }),
  )
  for (const message of batch.messages) {
    if (!failed.has(message)) message.ack()
    else if (message.attempts < renewFrom) message.retry({ delaySeconds: delayOf(message) })
    else await renew(message, queue)
  }
}

const delayOf = ({ attempts }: Message<string>): number => Math.min(longestDelaySeconds, 2 ** Math.min(attempts, 8))

async function renew(message: Message<string>, queue: Pick<Queue<string>, 'send'>): Promise<void> {
  try {
    await queue.send(message.body, { contentType: 'text', delaySeconds: longestDelaySeconds })
    message.ack()
  } catch {
    message.retry({ delaySeconds: longestDelaySeconds })
  }
}

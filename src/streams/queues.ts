import type { Bindings } from '../core/bindings.ts'
import type { Packed } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import { laneName, laneOf } from '../core/lanes.ts'
import type { Appended, Stream, TriggerContext } from '../core/stream.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import { partitionOf } from '../storage/murmur2.ts'
import { assertWithinLimits } from './limits.ts'
import { partitionsField } from './partitions.ts'
import { messageBatchesOf, messageBytes, readOrBury, redeliver } from './queues/messages.ts'

const fields = {
  partitions: partitionsField(
    'Lanes per destination; each keeps the order of its keys as far as the queue delivers in order.',
  ),
} as const

/** One append; an envelope (header and event) must fit one message. */
const limits = { events: 5_000, bytes: 800_000, envelopeBytes: messageBytes }
/** The inboxes of the lanes recognize duplicates for ten minutes. */
const dedupMs = 600_000

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
    dedupMs,
    triggers: {
      queue: consumeQueue,
    },
    append: (batch, bindings) => append(batch, partitions, bindings.EVENTS),
  }
}

async function append(batch: readonly Packed[], partitions: number, queue: Bindings['EVENTS']): Promise<Appended> {
  assertWithinLimits(limits, batch)
  const batches = messageBatchesOf(batch, (key) => partitionOf(key, partitions))
  try {
    // One after the other, so that the order of one request survives as far as the queue keeps it.
    for (const messages of batches)
      await queue.sendBatch(messages.map((body) => ({ body, contentType: 'text' as const })))
  } catch (cause) {
    throw new SluicewayError('stream_unavailable', 'The queue did not take the events; send them again.', { cause })
  }
  return { accepted: batch.length, duplicates: 0 }
}

/**
 * Hands a batch of queue messages to the lanes.
 *
 * Each message is acknowledged once every lane that one of its events is routed to has stored it, and delivered again after
 * some seconds when a lane has not.
 *
 * A message that was not written here becomes a dead letter of the edge, and keeps no other back.
 *
 * @param batch what the queue delivered; bodies as `append` wrote them
 * @param context where the lanes and the queue itself are
 */
export async function consumeQueue(batch: MessageBatch<string>, context: TriggerContext): Promise<void> {
  const { bindings } = context
  const texts = new Map<string, { readonly ref: LaneRef; text: string; readonly messages: Set<Message<string>> }>()
  const readable: Message<string>[] = []
  for (const message of batch.messages) {
    const read = await readOrBury(message, context)
    if (read === undefined) continue
    readable.push(message)
    const { partition, envelopes } = read
    for (const envelope of envelopes) {
      for (const target of envelope.header.to) {
        const ref = { target, partition }
        const name = laneName(ref)
        let entry = texts.get(name)
        if (entry === undefined) texts.set(name, (entry = { ref, text: '', messages: new Set() }))
        entry.text += `${JSON.stringify(envelope.header)}\n${envelope.text}\n`
        entry.messages.add(message)
      }
    }
  }
  const failed = new Set<Message<string>>()
  await Promise.all(
    [...texts.values()].map(async ({ ref, text, messages }) => {
      try {
        await laneOf(bindings, ref).push(ref, text)
      } catch {
        for (const message of messages) failed.add(message)
      }
    }),
  )
  for (const message of readable) {
    if (failed.has(message)) await redeliver(message, bindings.EVENTS)
    else message.ack()
  }
}

import { Kafka } from '@upstash/kafka'

/** Who reads which topic. */
export interface Reader {
  /** Base of the API: the log's `/kafka`, or the bridge. */
  readonly url: string
  readonly username: string
  readonly password: string
  readonly topic: string
  readonly group: string
  /** One of the group's members. */
  readonly instance: string
}

/** A record with its bytes. */
export interface TopicRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Reads a topic as a member of a group until the signal, and commits what was worked on.
 *
 * @param reader who reads what
 * @param work on records, in their order by partition; when it throws, nothing of them is committed
 * @param signal ends it: the member leaves, and another one goes on behind what was committed
 */
export async function readTopic(
  { url, username, password, topic, group, instance }: Reader,
  work: (records: readonly TopicRecord[]) => unknown,
  signal: AbortSignal,
): Promise<void> {
  const kafka = new Kafka({ url, username, password })
  const consumer = kafka.consumer()
  const member = { consumerGroupId: group, instanceId: instance }
  try {
    while (!signal.aborted) {
      const messages = await consumer.consume({
        ...member,
        topics: [topic],
        autoOffsetReset: 'earliest',
        autoCommit: false,
        timeout: 500,
      })
      if (messages.length === 0) continue
      await work(messages.map(recordOf))
      await consumer.commit(member)
    }
  } finally {
    await kafka.admin().removeConsumerInstance(group, instance)
  }
}

type Message = Awaited<ReturnType<ReturnType<Kafka['consumer']>['consume']>>[number]

/** Bytes that are no UTF-8 come as base64, and say so; the client's types do not know it. */
function recordOf(message: Message): TopicRecord {
  const { partition, offset, key, value, headers } = message
  const { encoding } = message as { readonly encoding?: 'base64' }
  const textOf = (text: string) => (encoding === undefined ? text : Buffer.from(text, encoding).toString())
  return {
    partition,
    offset,
    key: textOf(key),
    value: Buffer.from(value, encoding ?? 'utf8'),
    headers: Object.fromEntries(headers.map(({ key, value }) => [key, textOf(value)])),
  }
}

import { Kafka } from '@upstash/kafka'
import type { StateServer } from './state-server.ts'

/** For tests alone, so that a fixture holds no secret. */
export const kafkaPassword = 'password-of-the-state-fixture'

/** The client of a server's topics. */
export const kafkaOf = ({ url }: Pick<StateServer, 'url'>): Kafka =>
  new Kafka({ url: `${url}/kafka`, username: 'fixture', password: kafkaPassword })

/** The messageIds of all events in the log of a server that a Kafka source has read, in order of each partition. */
export async function eventsIn(server: Pick<StateServer, 'url'>): Promise<string[]> {
  const ids: string[] = []
  for (const partition of [0, 1])
    for (let offset = 0; ;) {
      const page = await kafkaOf(server).consumer().fetch({ topic: 'events', partition, offset, timeout: 0 })
      const last = page.at(-1)
      if (last === undefined) break
      ids.push(...page.map(({ value }) => (JSON.parse(value) as { messageId: string }).messageId))
      offset = last.offset + 1
    }
  return ids.filter((id) => id.startsWith('kafka:'))
}

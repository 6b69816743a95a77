import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerRecord } from '../support/real-kafka.ts'

/** What a client of the load was told of one record. */
interface Told {
  readonly id: number
  /** Undefined where the connection failed. */
  readonly status: number | undefined
  readonly retry?: string
}

/** Clients that produce orders one request after the other, never again what they were answered or not. */
export interface ProduceLoad {
  /** Ids whose record was answered as written, in the order of the answers. */
  readonly written: () => number[]
  readonly told: readonly Told[]
  /** Ends the load when the requests under way are answered. */
  readonly stop: () => Promise<void>
}

interface LoadOptions {
  readonly url: () => string
  readonly topic: string
  readonly authorization: string
  readonly clients?: number
  /** Records of a request. */
  readonly per?: number
}

/** Puts load on a server of the dialect: each client has a key, and counts up. */
export function startLoad({ url, topic, authorization, clients = 8, per = 5 }: LoadOptions): ProduceLoad {
  const told: Told[] = []
  const over = new AbortController()
  let next = 0
  const run = async (client: number) => {
    while (!over.signal.aborted) {
      const ids = Array.from({ length: per }, () => next++)
      const body = ids.map((id) => ({ topic, key: `user-${client}`, value: JSON.stringify({ order_id: id }) }))
      try {
        const answer = await fetch(`${url()}/produce`, {
          method: 'POST',
          headers: { authorization },
          body: JSON.stringify(body),
        })
        const results = (await answer.json()) as readonly { offset?: number; status?: number; retry?: string }[]
        for (const [i, id] of ids.entries()) {
          const one = Array.isArray(results) ? results[i] : { status: answer.status }
          told.push({
            id,
            status: one?.offset === undefined ? one?.status : 200,
            ...(one?.retry ? { retry: one.retry } : {}),
          })
        }
        if (answer.status !== 200) await sleep(100)
      } catch {
        for (const id of ids) told.push({ id, status: undefined })
        await sleep(100)
      }
    }
  }
  const all = Promise.all(Array.from({ length: clients }, (_, client) => run(client)))
  return {
    told,
    written: () => told.flatMap(({ id, status }) => (status === 200 ? [id] : [])),
    stop: async () => {
      over.abort()
      await all
    },
  }
}

/** The ids of orders in a topic, in the order of the broker. */
export const orderIds = (records: readonly BrokerRecord[]): number[] =>
  records.map(({ value }) => (JSON.parse(value?.toString() ?? 'null') as { order_id: number }).order_id)

import type { Subscription } from './subscriptions.ts'

/** One event to be sent by one subscription. */
export interface Job {
  /** Its place among the items. */
  readonly item: number
  readonly subscription: Subscription
}

/**
 * Puts jobs in an order in which events of a key stay in theirs, and as many as possible share a request: step by step, either
 * single jobs of several keys beside each other, or one batch of several keys.
 */
export class Plan {
  readonly #queues: readonly Job[][]

  /** @param queues the jobs of each ordering key, in order; they are taken out */
  constructor(queues: readonly Job[][]) {
    this.#queues = queues
  }

  /** Of each key, the single jobs that are next; empty when batches are next everywhere. */
  nextSingles(): Job[][] {
    return this.#queues
      .map((queue) => takeWhile(queue, ({ subscription }) => !subscription.batch))
      .filter(({ length }) => length > 0)
  }

  /** The jobs of one subscription that are next, of as many keys as possible; empty when nothing is left. */
  nextBatch(): Job[] {
    const heads = this.#queues.flatMap(([head]) => head?.subscription ?? [])
    const [first] = heads
    if (first === undefined) return []
    const counts = Map.groupBy(heads, (subscription) => subscription)
    let chosen = first
    for (const [one, { length }] of counts) if (length > (counts.get(chosen)?.length ?? 0)) chosen = one
    return this.#queues
      .flatMap((queue) => takeWhile(queue, ({ subscription }) => subscription === chosen))
      .toSorted((a, b) => a.item - b.item)
  }
}

function takeWhile(queue: Job[], isTaken: (job: Job) => boolean): Job[] {
  const end = queue.findIndex((job) => !isTaken(job))
  return queue.splice(0, end === -1 ? queue.length : end)
}

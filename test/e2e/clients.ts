import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../scripts/bench/random.ts'
import type { Event } from '../../src/core/event.ts'
import type { Server } from '../support/server.ts'

/** Milliseconds that a client rests between two events. */
const restMs = 300

/** Every tenth client sends its events in batches of so many. */
const batchEvents = 5

interface ClientsOptions {
  readonly random: Random
  /** The event of a client with a number; it is under the client's anonymousId, and its properties have the number. */
  readonly eventOf: (client: number, number: number) => Event
  /** Whether no client sends batches. */
  readonly single?: boolean
}

/** What the clients did, and how often the server was unavailable when they tried. */
export class Clients {
  readonly acknowledged = new Set<string>()
  attempts = 0
  failures = 0
  readonly #server: Server
  readonly #random: Random
  readonly #eventOf: ClientsOptions['eventOf']
  readonly #single: boolean
  #stopped = false

  constructor(server: Server, { random, eventOf, single = false }: ClientsOptions) {
    this.#single = single
    this.#server = server
    this.#random = random
    this.#eventOf = eventOf
  }

  /** Each client sends its numbered events one after the other, the next one only when the one before was acknowledged. */
  run(clients: number): Promise<unknown> {
    return Promise.all(Array.from({ length: clients }, (_, client) => this.#client(client)))
  }

  /** No new events; what is not acknowledged yet is sent until it is. */
  stop(): void {
    this.#stopped = true
  }

  async #client(client: number): Promise<void> {
    const size = client % 10 === 0 && !this.#single ? batchEvents : 1
    await sleep(this.#random.next() * restMs)
    for (let number = 1; !this.#stopped; number += size) {
      const batch = Array.from({ length: size }, (_, i) => this.#eventOf(client, number + i))
      while (!(await this.#send(batch))) await sleep(50 + this.#random.next() * 150)
      for (const { messageId } of batch) this.acknowledged.add(messageId)
      await sleep(restMs * size)
    }
  }

  /** Repeats are the same bytes, as those of SDKs are. */
  async #send(batch: readonly Event[]): Promise<boolean> {
    this.attempts++
    let response: Response
    let answer: { accepted?: number }
    try {
      const signal = AbortSignal.timeout(10_000)
      response = await (batch.length === 1
        ? this.#server.post('/v1/track', batch[0], { signal })
        : this.#server.post('/v1/batch', { batch }, { signal }))
      answer = (await response.json()) as { accepted?: number }
    } catch {
      this.failures++
      return false
    }
    if (response.status === 200 && answer.accepted === batch.length) return true
    if (response.status < 500 && response.status !== 429)
      throw new Error(`${batch[0]?.messageId} was answered ${response.status} ${JSON.stringify(answer)}`)
    this.failures++
    return false
  }
}

/** The keys whose events are not in the order 1, 2, 3, …, with their numbers. */
export const disorderedOf = (events: readonly Event[]): string[] =>
  [...Map.groupBy(events, ({ anonymousId }) => anonymousId)].flatMap(([key, own]) => {
    const numbers = own.map(({ properties }) => Number(properties?.['number']))
    return numbers.every((number, i) => number === i + 1) ? [] : [`${key}: ${numbers.join(' ')}`]
  })

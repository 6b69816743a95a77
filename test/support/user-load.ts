import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from '../../scripts/bench/clock.ts'
import { Connection } from '../../scripts/bench/connection.ts'
import { basic } from './server.ts'

/** An event of a load: the `number`th (from 1) of a user. */
export interface LoadEvent {
  readonly user: number
  readonly number: number
}

interface UserLoadOptions {
  /** Where the server listens; it stays there when it is killed and comes back. */
  readonly url: string
  readonly writeKey: string
  readonly users: number
  readonly events: number
  /** Events a second that are begun at most. */
  readonly rate: number
  /** Kept-alive connections; each sends the events of its own users, so at most as many as users are of use. */
  readonly connections: number
  /**
   * While it says false, no further event is begun: a machine that is slow must not be measured by its backlog. Not asked any
   * more after a minute of it: what it waits for may be lost.
   */
  readonly mayGoOn?: () => boolean
}

export const messageIdOf = ({ user, number }: LoadEvent): string => `user-${user}-${number}`

/** The inverse of `messageIdOf`. */
export function loadEventOf(messageId: string): LoadEvent {
  const [, user, number] = messageId.split('-')
  return { user: Number(user), number: Number(number) }
}

/**
 * Sends events of many users over HTTP, one in a request. Each user's are numbered, and the next is sent once the one before was
 * answered with 200; what is not answered so is repeated, as the same bytes, until it is.
 */
export class UserLoad {
  /** When each messageId was answered with 200, in milliseconds of `clock`. */
  readonly acceptedAt = new Map<string, number>()
  /** Requests that were not answered with 200. */
  failures = 0
  readonly #options: UserLoadOptions
  readonly #start = clock()
  #begun = 0
  #isImpatient = false

  constructor(options: UserLoadOptions) {
    this.#options = options
  }

  /** Resolves once every event was answered with 200. Rejects when one can never be. */
  async run(): Promise<void> {
    const { users, events, connections } = this.#options
    await Promise.all(
      Array.from({ length: connections }, async (_, first) => {
        const connection = new Connection(this.#options.url)
        // A round is one event of each user.
        for (let number = 1; (number - 1) * users < events; number++)
          for (let user = first; user < users && (number - 1) * users + user < events; user += connections)
            await this.#send({ user, number }, connection)
        connection.close()
      }),
    )
  }

  async #send(event: LoadEvent, connection: Connection): Promise<void> {
    const dueAt = this.#start + (this.#begun++ * 1_000) / this.#options.rate
    const early = dueAt - clock()
    if (early > 0) await sleep(early)
    await this.#hold()
    const bytes = this.#requestOf(event)
    for (;;) {
      const answer = await connection.send(bytes).catch(() => undefined)
      if (answer?.status === 200) break
      if (answer !== undefined && answer.status < 500 && answer.status !== 429)
        throw new Error(`${messageIdOf(event)} was answered ${answer.status} ${answer.body}`)
      this.failures++
      await sleep(50)
    }
    this.acceptedAt.set(messageIdOf(event), clock())
  }

  async #hold(): Promise<void> {
    const since = clock()
    while (!this.#isImpatient && this.#options.mayGoOn?.() === false) {
      await sleep(5)
      if (clock() - since > 60_000) this.#isImpatient = true
    }
  }

  #requestOf(event: LoadEvent): Uint8Array {
    const { url, writeKey } = this.#options
    const body = JSON.stringify({
      type: 'track',
      messageId: messageIdOf(event),
      anonymousId: `user-${event.user}`,
      event: 'Order Completed',
      properties: { order_id: `${event.user}/${event.number}`, total: 129.9, currency: 'EUR' },
    })
    const head = `POST /v1/track HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: ${basic(writeKey)}\r\n`
    return Buffer.from(`${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  }
}

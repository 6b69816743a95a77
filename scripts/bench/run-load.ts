import { clock } from './clock.ts'
import { Connection } from './connection.ts'
import { Latencies } from './latencies.ts'
import type { ReadyRequest, Requests } from './requests.ts'

export interface LoadOptions {
  readonly url: string
  readonly requests: Requests
  /** Open at once; each has one request under way at most. */
  readonly connections: number
  readonly seconds: number
  /**
   * Events per second to offer, whatever the server takes. Without it every connection sends its next request as soon as
   * the one before is answered.
   */
  readonly rate?: number
  /** Called for each request that was answered with 200; times as `clock` tells them. */
  readonly onAccepted?: (request: ReadyRequest, sentAt: number, answeredAt: number) => void
}

/** What a run of load came to. */
export interface LoadResult {
  readonly seconds: number
  /** Requests that were answered with 200. */
  readonly requests: number
  /** Events that the answers called accepted. */
  readonly accepted: number
  readonly eventsPerSecond: number
  readonly requestsPerSecond: number
  /** Of accepted requests; in the rate mode from the time at which they were due. */
  readonly latencies: Latencies
  /** Every other outcome with its number: `HTTP 503 …`, `rejected events`, errors of connections. */
  readonly refused: Readonly<Record<string, number>>
  /** Requests that were due but not sent before the end (rate mode). */
  readonly unsent: number
}

/**
 * Sends events for some seconds.
 *
 * @param options where to, what, and how much at once
 * @returns once every request that was sent is answered
 */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new Load(options).run()
}

class Load {
  readonly #options: LoadOptions
  readonly #latencies = new Latencies()
  readonly #refused: Record<string, number> = {}
  readonly #free: Connection[]
  readonly #start = clock()
  readonly #end: number
  #due: number[] = []
  #requests = 0
  #accepted = 0
  #underWay = 0
  #settled: () => void = () => {}

  constructor(options: LoadOptions) {
    if (options.connections >= options.requests.size)
      throw new RangeError(`${options.connections} connections need more than ${options.requests.size} requests`)
    this.#options = options
    this.#end = this.#start + options.seconds * 1_000
    this.#free = Array.from({ length: options.connections }, () => new Connection(options.url))
  }

  async run(): Promise<LoadResult> {
    const all = [...this.#free]
    const ended = new Promise<void>((resolve) => (this.#settled = resolve))
    const timer = this.#options.rate === undefined ? undefined : this.#offer(this.#options.rate)
    if (timer === undefined) while (this.#free.length > 0) this.#send(clock())
    await ended
    const seconds = (clock() - this.#start) / 1_000
    for (const connection of all) connection.close()
    return {
      seconds,
      requests: this.#requests,
      accepted: this.#accepted,
      eventsPerSecond: this.#accepted / seconds,
      requestsPerSecond: this.#requests / seconds,
      latencies: this.#latencies,
      refused: this.#refused,
      unsent: this.#due.length,
    }
  }

  /** Makes requests due evenly, and sends what is due while connections are free. */
  #offer(rate: number): NodeJS.Timeout {
    const apart = (1_000 * this.#options.requests.per) / rate
    let next = this.#start
    const timer = setInterval(() => {
      const now = clock()
      for (; next <= now && next < this.#end; next += apart) this.#due.push(next)
      this.#sendDue()
      if (now < this.#end) return
      clearInterval(timer)
      if (this.#underWay === 0) this.#settled()
    }, 1)
    return timer
  }

  #sendDue(): void {
    while (this.#free.length > 0 && this.#due.length > 0 && clock() < this.#end) this.#send(this.#due.shift() as number)
  }

  #send(dueAt: number): void {
    const connection = this.#free.pop() as Connection
    const request = this.#options.requests.next()
    const sentAt = clock()
    this.#underWay++
    connection.send(request.bytes).then(
      (answer) => {
        if (answer.status === 200) this.#take(request, { body: answer.body, dueAt, sentAt })
        else this.#refuse(`HTTP ${answer.status} ${answer.body.slice(0, 200)}`)
        this.#next(connection)
      },
      (error: Error) => {
        this.#refuse(error.message)
        // A server that is not there must not be asked a million times.
        setTimeout(() => this.#next(connection), 50)
      },
    )
  }

  #take(request: ReadyRequest, at: { readonly body: string; readonly dueAt: number; readonly sentAt: number }): void {
    const now = clock()
    const accepted = Number(/"accepted":(\d+)/.exec(at.body)?.[1] ?? 0)
    this.#requests++
    this.#accepted += accepted
    if (accepted < request.count) this.#refuse('events that a 200 does not call accepted', request.count - accepted)
    this.#latencies.add(now - at.dueAt)
    this.#options.onAccepted?.(request, at.sentAt, now)
  }

  #refuse(what: string, times = 1): void {
    this.#refused[what] = (this.#refused[what] ?? 0) + times
  }

  #next(connection: Connection): void {
    this.#underWay--
    this.#free.push(connection)
    const ended = clock() >= this.#end
    if (this.#options.rate !== undefined && !ended) this.#sendDue()
    else if (!ended) this.#send(clock())
    if (ended && this.#underWay === 0) this.#settled()
  }
}

import { Deadlines } from '../../src/lanes/deadlines.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { LaneMemory } from '../../src/lanes/lane-memory.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { forwardTask } from '../../src/lanes/remote-task.ts'
import { Sender } from '../../src/lanes/sender.ts'
import type { RemoteCalls } from '../../src/lanes/sender-pool.ts'
import type { Route } from '../../src/core/config.ts'
import type { Destination, Limits } from '../../src/core/destination.ts'
import type { Event } from '../../src/core/event.ts'
import type { Port } from '../../src/core/port.ts'
import { fakePort } from './fake-context.ts'
import { fakeDestination } from './fake-destination.ts'
import { chunkOf, packedOrder } from './sample-events.ts'
import { Sqlite } from './sqlite.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import type { Chunk } from '../../src/core/inbox.ts'

/** A request on its way: nothing happens to it until the test says so. */
export interface PendingRequest {
  readonly ids: readonly string[]
  readonly at: number
  readonly answer: (status: number, headers?: Record<string, string>, body?: string) => Promise<void>
  readonly breakOff: (error?: Error) => Promise<void>
}

/** A line that a lane logged, and when. */
interface LoggedLine {
  readonly at: number
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

interface Options {
  readonly limits?: Partial<Limits>
  readonly route?: Omit<Route, 'use'>
  readonly use?: Partial<Destination>
  readonly random?: () => number
  readonly userCodeMs?: number
  /** Lanes of the destination; one when left out. */
  readonly lanes?: number
  /** True where other invocations send for the lane, too; see `invocations`. */
  readonly remote?: boolean
  /** What it shares with other lanes; one of its own when left out. */
  readonly memory?: LaneMemory
}

/** Another invocation that sends for the lane. */
export interface SimulatedInvocation {
  /** Requests that wait for their answer, and the most that there ever were. */
  waiting: number
  most: number
  isOpen: boolean
  /** First events of the requests that wait. */
  readonly ids: Set<string>
  /** Ends it as the platform does; its requests are gone. */
  readonly die: (reason: string) => void
}

/** Events `<key> <n>`: ids that tell their key and their place. */
export const eventsOf = (key: string, ...numbers: number[]) => numbers.map((n) => ({ id: `${key} ${n}`, key }))

const start = Date.parse('2026-11-25T12:00:00Z')

/**
 * The sender of a lane on a real database, with a clock, a network and a stream that the test holds in its hands.
 *
 * `crash` throws everything in memory away and starts again on the same database.
 */
export class SimulatedLane {
  readonly sqlite = new Sqlite()
  readonly target: Extract<Target, { kind: 'destination' }>
  readonly chunks: Chunk[] = []
  /** Every event of the stream with its offset. */
  readonly events: { readonly offset: number; readonly id: string; readonly key: string }[] = []
  readonly #random: () => number
  readonly #userCodeMs: number
  readonly #lanes: number
  readonly #isRemote: boolean
  readonly #memory: LaneMemory | undefined
  /** Those that began since the last crash; the platform refuses more than `mostInvocations` at once. */
  invocations: SimulatedInvocation[] = []
  mostInvocations = Infinity
  /** Requests of the lane's own that wait for their answer, and the most that there ever were. */
  readonly own = { waiting: 0, most: 0, ids: new Set<string>() }
  requests: PendingRequest[] = []
  /** What the sender logged, before it is gathered. */
  readonly logged: LoggedLine[] = []
  now = start
  head = 0
  /** How often anything moved: a request went out, or an outcome was noted. */
  #moves = 0
  #life = 0
  store!: LaneStore
  letters!: DeadLetters
  sender!: Sender

  constructor(options: Options = {}) {
    const limits = { events: 1, bytes: 100_000, parallel: 4, timeoutSeconds: 30, ...options.limits }
    const use = fakeDestination('webhook', { limits, ...options.use })
    this.target = { kind: 'destination', name: 'webhook', displayName: 'Webhook', route: { ...options.route, use } }
    this.#random = options.random ?? (() => 0.5)
    this.#userCodeMs = options.userCodeMs ?? 5_000
    this.#lanes = options.lanes ?? 1
    this.#isRemote = options.remote ?? false
    this.#memory = options.memory
    this.#open()
  }

  #open(): void {
    const life = this.#life
    const db = this.sqlite.open()
    this.store = new LaneStore(db, this.now)
    this.letters = new DeadLetters(db, { target: 'webhook', partition: 0 })
    const world = fakePort({
      now: () => this.now,
      random: this.#random,
      log: (level, message, fields) => void this.logged.push({ at: this.now, level, message, ...fields }),
      fetch: async (request) => {
        const { ids } = (await request.json()) as { ids: string[] }
        return new Promise((resolve, reject) => {
          if (life !== this.#life) return
          const finish = async (end: () => void) => {
            const index = this.requests.indexOf(one)
            if (index < 0) return
            this.requests.splice(index, 1)
            const before = this.#moves
            end()
            await this.settled(before)
          }
          const one: PendingRequest = {
            ids,
            at: this.now,
            answer: (status, headers = {}, body = '') =>
              finish(() => resolve(new Response(status === 204 ? null : body, { status, headers }))),
            breakOff: (error = new Error('connection reset')) => finish(() => reject(error)),
          }
          this.requests.push(one)
          this.#moves++
        })
      },
    })
    this.own.waiting = 0
    this.invocations = []
    const port = countConnections(world, this.own)
    const open = async () => this.#openInvocation(world)
    this.sender = new Sender(this.target, {
      ref: { target: 'webhook', partition: 0 },
      store: this.store,
      letters: this.letters,
      port,
      userCodeMs: this.#userCodeMs,
      lanes: this.#lanes,
      remote: this.#isRemote ? { open, spend: () => {} } : undefined,
      memory: this.#memory ?? new LaneMemory(),
      changed: () => {
        if (life !== this.#life) return
        this.#moves++
        this.sender.pump()
      },
    })
  }

  #openInvocation(world: Port): RemoteCalls {
    if (this.invocations.filter(({ isOpen }) => isOpen).length >= this.mostInvocations)
      throw new Error('Subrequest depth limit exceeded.')
    let end!: (error: Error) => void
    const ended = new Promise<never>((_, reject) => (end = reject))
    ended.catch(() => undefined)
    const one: SimulatedInvocation = {
      waiting: 0,
      most: 0,
      isOpen: true,
      ids: new Set(),
      die: (reason) => {
        one.isOpen = false
        this.requests = this.requests.filter(({ ids }) => !one.ids.has(ids[0] ?? ''))
        end(new Error(reason))
      },
    }
    this.invocations.push(one)
    const tools = {
      target: this.target,
      port: countConnections(world, one),
      budget: { isSpent: false },
      userCodeMs: this.#userCodeMs,
      deadlines: new Deadlines(),
    }
    return {
      forward: (text) => Promise.race([forwardTask(text, tools), ended]),
      [Symbol.dispose]: () => (one.isOpen = false),
    }
  }

  /** Waits until what was answered has had its effect, and what that sets off is on its way. */
  async settled(before = this.#moves): Promise<void> {
    for (let i = 0; i < 100 && this.#moves === before; i++) await turn()
    await turn()
    await turn()
  }

  /** Appends events (`key` and `id`, or more) as one chunk of the stream. */
  append(events: readonly (Partial<Event> & { id: string; key: string; to?: readonly string[] })[]): Chunk {
    const at = new Date(this.now).toISOString()
    const packed = events.map(({ id, key, to = ['webhook'], ...event }) =>
      packedOrder(id, event, { key, to: [...to], at }),
    )
    const chunk = chunkOf(this.head, packed, this.now)
    events.forEach(({ id, key }, i) => this.events.push({ offset: this.head + i, id, key }))
    this.head += events.length
    this.chunks.push(chunk)
    return chunk
  }

  /** Hands over what the sender has room for, and lets it send. */
  async feed(): Promise<void> {
    for (const chunk of this.chunks)
      if (chunk.offset + chunk.count > this.sender.position && this.sender.hasCapacity) this.sender.take(chunk)
    await this.pump()
  }

  async pump(): Promise<void> {
    this.sender.pump()
    await turn()
    await turn()
  }

  async pass(ms: number): Promise<void> {
    this.now += ms
    await this.pump()
  }

  /** Answers what is under way, and lets time pass as the sender wants it, up to `ms` milliseconds. */
  async run(ms: number, statusOf: (ids: readonly string[]) => number): Promise<void> {
    const end = this.now + ms
    for (let i = 0; i < 20_000; i++) {
      await this.feed()
      const [request] = this.requests
      if (request !== undefined) {
        await request.answer(statusOf(request.ids))
        continue
      }
      const due = this.sender.due()
      if (due === undefined || due > end) break
      await this.pass(Math.max(1, due - this.now))
    }
    if (this.now < end) await this.pass(end - this.now)
  }

  checkpoint(): void {
    this.store.checkpoint(this.sender.committed, this.now)
  }

  /** What is under way. */
  get pendingIds(): readonly string[] {
    return this.requests.flatMap(({ ids }) => ids)
  }

  /** The request that carries an event. */
  carrying(id: string): PendingRequest {
    const request = this.requests.find(({ ids }) => ids.includes(id))
    if (request === undefined) throw new Error(`no request carries ${id}; under way: ${this.pendingIds.join(', ')}`)
    return request
  }

  /** Everything in memory is gone; requests on their way are left to the test in `lost`. */
  crash(): { readonly lost: readonly PendingRequest[] } {
    const lost = this.requests
    this.requests = []
    this.#life++
    this.#open()
    return { lost }
  }

  /** Ids of the events with a row, in the order of the stream. */
  rows(): string[] {
    return this.sqlite
      .exec('SELECT id FROM waiting ORDER BY offset')
      .toArray()
      .map(({ id }) => id as string)
  }
}

/** The same world; counts the requests of one invocation that wait for their answer. */
const countConnections = (port: Port, counts: Pick<SimulatedInvocation, 'waiting' | 'most' | 'ids'>): Port => ({
  ...port,
  fetch: async (request) => {
    counts.most = Math.max(counts.most, ++counts.waiting)
    const { ids } = (await request.clone().json()) as { ids: readonly [string] }
    counts.ids.add(ids[0])
    try {
      return await port.fetch(request)
    } finally {
      counts.waiting--
      counts.ids.delete(ids[0])
    }
  },
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

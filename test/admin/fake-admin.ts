import type { LaneRef } from '../../src/core/inbox.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { Hono } from 'hono'
import { webhook } from '../../destinations/webhook.ts'
import { admin } from '../../src/admin/app.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { createBill } from '../../src/core/billed.ts'
import type {
  LaneRpc,
  LoaderRpc,
  LaneStatus,
  LaneTrace,
  SkippedLane,
  LoaderStatus,
  LoadOptions,
  LoadReport,
  LogRpc,
  SuppressionRpc,
} from '../../src/core/bindings.ts'
import type { Sync, SyncQuery } from '../../src/core/sync.ts'
import { emptyLayout, joinLayouts, type Layout } from '../../src/core/layout.ts'
import type { JobStatus, NumberedAction } from '../../src/core/jobs.ts'
import type { Config } from '../../src/core/config.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import { fingerprintOf } from '../../src/storage/fingerprint.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { adminToken, fakeContext } from '../support/fake-context.ts'
import { laneStatusOf, loaderStatusOf } from '../support/fake-status.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { chunkOf, headerOf, plainOrder, receivedAt } from '../support/sample-events.ts'

export const now = Date.parse('2026-11-22T10:00:01.000Z')

/** What a test may want to be different. */
export interface Given {
  readonly token?: string | undefined
  readonly stream?: 'log' | 'queues'
  readonly partitions?: number
  /** By lane, oldest first; numbered from 1. */
  readonly letters?: Readonly<Record<string, readonly Partial<DeadLetter>[]>>
  /** By lane: what it says of an event, found by its messageId. */
  readonly traces?: Readonly<Record<string, Readonly<Record<string, Partial<LaneTrace>>>>>
  /** By partition, one chunk per list. */
  readonly log?: readonly (readonly (readonly Logged[])[])[]
  /** True: every fingerprint is that of every event. */
  readonly collide?: boolean
  readonly load?: Partial<LoadReport>
  readonly loader?: Partial<LoaderStatus>
  /** Newest first. */
  readonly syncs?: readonly Sync[]
  /** Objects that do not answer: `webhook:1`, `log 0`, `loader`. */
  readonly broken?: readonly string[]
  readonly limits?: Config['limits']
  /** What the lane of the edge remembers of earlier configs; nothing when left out. */
  readonly layout?: Layout
  /** The list of suppressed users; an empty one when left out. */
  readonly suppression?: Partial<SuppressionRpc>
  /** What the loader says of files that it has set aside. */
  readonly unreadable?: Partial<LoaderRpc>
  /** What the warehouse answers to SQL; it is off when left out. */
  readonly query?: Engine['query']
}

export interface Logged {
  readonly source?: string
  readonly to?: readonly string[]
  readonly event: Event
}

/** One lane that only remembers. */
export class FakeLane implements Pick<
  LaneRpc,
  'status' | 'resume' | 'pause' | 'drain' | 'skip' | 'poke' | 'trace' | 'count' | 'addDeadLetters'
> {
  letters: DeadLetter[]
  resumed = 0
  stoppedBy: string | undefined
  drainedBy: string | undefined
  skippedBy: string | undefined
  poked = 0
  /** What `replay` and `discard` were called with. */
  readonly calls: { readonly verb: 'replay' | 'discard'; readonly numbers: readonly number[] }[] = []
  /** What `letters` was asked. */
  readonly queries: object[] = []
  readonly jobs: JobStatus[] = []
  readonly actions: NumberedAction[] = []
  readonly #name: string
  readonly #given: Given

  constructor(name: string, given: Given) {
    this.#name = name
    this.#given = given
    this.letters = (given.letters?.[name] ?? []).map((letter, i) => letterOf(name, i + 1, letter))
  }

  get target(): string {
    return this.#name.slice(0, this.#name.lastIndexOf(':'))
  }

  get partition(): number {
    return Number(this.#name.slice(this.#name.lastIndexOf(':') + 1))
  }

  async status(): Promise<LaneStatus> {
    return laneStatusOf(this.#name, { deadLetters: this.letters.length })
  }

  async resume(): Promise<LaneStatus> {
    this.resumed++
    return this.status()
  }

  async pause(_ref: object, by: string): Promise<LaneStatus> {
    this.stoppedBy = by
    return this.status()
  }

  async drain(_ref: object, by: string): Promise<LaneStatus> {
    this.drainedBy = by
    return this.status()
  }

  async skip(_ref: object, by: string): Promise<SkippedLane> {
    this.skippedBy = by
    return { events: 2, unread: 5, lane: await this.status() }
  }

  async poke(): Promise<LaneStatus> {
    this.poked++
    return this.status()
  }

  async trace(_ref: object, event: { id: string; source: string; offset?: number }): Promise<LaneTrace> {
    const own = this.#given.traces?.[this.#name]?.[event.id]
    const { target, partition } = this
    return { target, partition, status: 'unknown', attempts: [], ...own }
  }

  async count(): Promise<void> {}
  async addDeadLetters(): Promise<void> {
    throw new Error('nothing is buried here')
  }

  rpc(): LaneRpc {
    return {
      status: () => this.status(),
      resume: () => this.resume(),
      pause: (ref, by) => this.pause(ref, by),
      drain: (ref, by) => this.drain(ref, by),
      skip: (ref, by) => this.skip(ref, by),
      poke: () => this.poke(),
      trace: (ref, event) => this.trace(ref, event),
      count: () => this.count(),
      addDeadLetters: () => this.addDeadLetters(),
      credentials: () => Promise.reject(new Error('not scripted')),
      offer: () => Promise.reject(new Error('not scripted')),
      push: () => Promise.reject(new Error('not scripted')),
      letters: async (_ref, query) => {
        this.queries.push(query)
        return this.letters
          .filter((letter) => query.stage === undefined || letter.stage === query.stage)
          .filter((letter) => query.messageId === undefined || letter.messageId === query.messageId)
          .filter((letter) => query.cause === undefined || letter.cause === query.cause)
          .filter((letter) => query.before === undefined || numberOf(letter) < query.before)
          .toSorted((a, b) => numberOf(b) - numberOf(a))
          .slice(0, query.limit)
      },
      causes: async () =>
        [...Map.groupBy(this.letters, ({ cause }) => cause)].map(([cause, [first, ...more]]) => {
          const { stage, code, reason, at, id } = first as DeadLetter
          const last = more.at(-1)?.at ?? at
          return { cause, stage, code, message: reason, count: 1 + more.length, first: at, last, sample: id }
        }),
      letter: async (_ref, number) => this.letters.find((letter) => numberOf(letter) === number) ?? null,
      letterText: async (_ref, number) => {
        const letter = this.letters.find((one) => numberOf(one) === number)
        return letter === undefined ? null : JSON.stringify(letter.event)
      },
      editDeadLetter: async (_ref, number, event, before) => {
        const at = this.letters.findIndex((letter) => numberOf(letter) === number)
        if (at < 0) return null
        if (JSON.stringify(this.letters[at]?.event) !== before) return 'changed'
        return (this.letters[at] = { ...(this.letters[at] as DeadLetter), event: JSON.parse(event), edited: true })
      },
      dryRun: async (_ref, number) =>
        this.letters.some((letter) => numberOf(letter) === number) ? { outcome: 'send', requests: [] } : null,
      preview: async () => ({ outcome: 'send', requests: [] }),
      startJob: async (_ref, order) => {
        const job: JobStatus = { ...order, state: 'running', done: 0, failed: 0, startedAt: now }
        this.jobs.push(job)
        return job
      },
      jobs: async () => this.jobs,
      cancelJob: async (_ref, id) => {
        const at = this.jobs.findIndex((job) => job.id === id)
        if (at < 0) return null
        return (this.jobs[at] = { ...(this.jobs[at] as JobStatus), state: 'canceled', endedAt: now + 1 })
      },
      noteAction: async (_ref, action) => void this.actions.unshift({ ...action, number: this.actions.length + 1 }),
      actions: async (_ref, { before = Infinity, limit }) =>
        this.actions.filter(({ number }) => number < before).slice(0, limit),
      replay: async (_ref, numbers) => this.#take('replay', numbers),
      discard: async (_ref, numbers) => this.#take('discard', numbers),
      erase: async () => null,
      layout: async (_ref: LaneRef, { seen }: { readonly seen: Layout }) =>
        joinLayouts(seen, this.#given.layout ?? emptyLayout),
    }
  }

  #take(verb: 'replay' | 'discard', numbers: readonly number[]): number[] {
    this.calls.push({ verb, numbers })
    const found = numbers.filter((number) => this.letters.some((letter) => numberOf(letter) === number))
    this.letters = this.letters.filter((letter) => !found.includes(numberOf(letter)))
    return found
  }
}

const numberOf = ({ id }: DeadLetter): number => Number(id.slice(id.lastIndexOf(':') + 1))

function letterOf(lane: string, number: number, more: Partial<DeadLetter>): DeadLetter {
  const target = lane.slice(0, lane.lastIndexOf(':'))
  const messageId = more.messageId ?? `order-${number}`
  return {
    id: `${lane}:${number}`,
    target,
    stage: target === '@edge' ? 'ingest' : target === 'tables' ? 'load' : 'delivery',
    messageId,
    source: 'shop',
    key: 'ada',
    reason: 'HTTP 400',
    code: 'http_400',
    receivedAt,
    at: now + number,
    event: plainOrder(messageId, { receivedAt }),
    edited: false,
    cause: '0123456789abcdef',
    attempts: [],
    ...more,
  }
}

/** The admin API as the Worker mounts it, over lanes, logs and loaders that are scripted. */
export function fakeAdmin(given: Given = {}) {
  const { partitions = 1, broken = [] } = given
  const lanes = new Map<string, FakeLane>()
  const lane = (name: string): FakeLane => {
    let known = lanes.get(name)
    if (known === undefined) lanes.set(name, (known = new FakeLane(name, given)))
    return known
  }
  const loads: LoadOptions[] = []
  const bucket = new FakeBucket()
  bucket.before = () => (broken.includes('bucket') ? fail() : undefined)
  const fail = () => Promise.reject(new Error('the object is unavailable'))
  const { stream, envelopes } = fakeStream({
    name: given.stream ?? 'log',
    partitions,
    onAppend: () => {
      if (broken.includes('stream')) throw new Error('the stream is unavailable')
    },
  })
  const resolved = resolveConfig(
    () => ({
      stream,
      sources: { shop: { writeKey: 'keyOfTheShop' }, app: { writeKey: 'keyOfTheApp', to: ['webhook'] } },
      destinations: { webhook: { use: webhook({ url: 'https://crm.ada.dev/hook', secret: 'secret of the shop' }) } },
      warehouses: {
        tables: {
          use: {
            kind: 'warehouse',
            name: 'd1',
            problems: [],
            redacted: {},
            namespaceOf: () => '',
            takesQueries: true,
            open: () => {
              if (given.query === undefined) throw new Error('the admin API opens no warehouse')
              return { query: given.query, close: async () => {} } as unknown as Engine
            },
          },
          sql: given.query !== undefined,
        },
      },
      admin: { token: 'token' in given ? given.token : adminToken },
      ...(given.limits === undefined ? {} : { limits: given.limits }),
    }),
    {},
  )
  const { context, logged } = fakeContext({
    resolved,
    bindings: {
      BUCKET: bucket,
      LANE: {
        getByName: (name: string) => (broken.includes(name) ? new Proxy({}, { get: () => fail }) : lane(name).rpc()),
      },
      LOG: {
        getByName: (name: string) =>
          broken.includes(`log ${name}`) ? { tail: fail, status: fail, find: fail } : logOf(given, Number(name)),
      },
      SUPPRESSION: { getByName: () => given.suppression ?? { snapshot: async () => null } },
      CATALOG: { getByName: () => ({ topics: async () => [], groups: async () => [] }) },
      LOADER: {
        getByName: (warehouse: string) => ({
          status: async () => {
            if (broken.includes('loader')) return fail()
            return loaderStatusOf(warehouse, {
              stagedFiles: 2,
              stagedEvents: 40,
              oldestSeconds: 3,
              ...given.loader,
            })
          },
          load: async (_name: string, options: LoadOptions) => {
            if (broken.includes('loader')) return fail()
            loads.push(options)
            return { files: 2, events: 40, rows: 80, discards: 0, ...given.load }
          },
          ...given.unreadable,
          syncs: async (_name: string, query: SyncQuery) => {
            if (broken.includes('loader')) return fail()
            const syncs = (given.syncs ?? []).filter(({ number }) => number < (query.before ?? Infinity))
            return { syncs: syncs.slice(0, query.limit) }
          },
        }),
      },
    },
    port: { now: () => now },
  })
  const app = new Hono<{ Bindings: AppContext }>().route('/admin', admin)
  const call = async (path: string, init: RequestInit & { readonly bearer?: string | null } = {}) => {
    const { bearer = adminToken, ...rest } = init
    const headers = new Headers(rest.headers)
    if (bearer !== null) headers.set('authorization', `Bearer ${bearer}`)
    const response = await app.fetch(new Request(`http://edge.test/admin${path}`, { ...rest, headers }), context)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }
  return {
    call,
    post: (path: string, body?: unknown) =>
      call(path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    put: (path: string, body: unknown) => call(path, { method: 'PUT', body: JSON.stringify(body) }),
    lane,
    logged,
    context,
    bucket,
    /** What loaders were told to do. */
    loads,
    /** What went through the edge. */
    accepted: envelopes,
  }
}

function logOf(given: Given, partition: number): Pick<LogRpc, 'tail' | 'status' | 'find' | 'sweep'> {
  const chunks: Chunk[] = []
  const prints: string[] = []
  let offset = 0
  for (const [i, list] of (given.log?.[partition] ?? []).entries()) {
    const packed = list.map(({ source = 'shop', to = ['webhook', 'tables'], event }) => {
      prints.push(String(fingerprintOf(source, event.messageId)))
      return pack(headerOf(event.messageId, { source, to, receivedAt: event.receivedAt ?? '' }), event)
    })
    // Chunks of several partitions became durable in turn.
    chunks.push(chunkOf(offset, packed, now + i * 10 + partition))
    offset += list.length
  }
  const status = async () => ({
    partition,
    first: 0,
    head: offset,
    segments: 1,
    bytes: 4096,
    duplicates: 0,
    billed: createBill(),
  })
  return {
    status,
    sweep: status,
    tail: async (events) => ({ chunks: chunks.slice(-events), head: offset }),
    find: async (print) =>
      prints.flatMap((one, at) => {
        const chunk = chunks.findLast((candidate) => candidate.offset <= at)
        return (given.collide === true || one === String(print)) && chunk !== undefined ? [{ offset: at, chunk }] : []
      }),
  }
}

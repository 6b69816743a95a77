import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Hono } from 'hono'
import { demo } from '../../src/console/demo.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import type { LaneTrace, LoaderStatus } from '../../src/core/bindings.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'
import { adminToken, fakeContext } from '../support/fake-context.ts'
import { laneStatusOf, loaderStatusOf } from '../support/fake-status.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { chunkOf, headerOf } from '../support/sample-events.ts'

export const now = Date.parse('2026-11-22T10:00:01.000Z')

/** What a test may want to be different. */
export interface Given {
  readonly demo?: ResolvedConfig['demo']
  readonly stream?: 'log' | 'queues'
  readonly partitions?: number
  readonly warehouse?: string
  /** Events in the log, oldest first; spread over the partitions in turn. */
  readonly events?: readonly Event[]
  readonly letters?: Readonly<Record<string, readonly DeadLetter[]>>
  readonly tables?: LoaderStatus['tables']
  /** What the lane of the edge says of an event. */
  readonly trace?: Pick<LaneTrace, 'status' | 'reason'>
  /** Awaited before D1 answers the page. */
  readonly onRead?: () => Promise<void>
  readonly broken?: readonly ('LOG' | 'LANE' | 'LOADER' | 'DB')[]
}

/** The demo app as the Worker mounts it, over fakes; D1 is SQLite in memory. */
export function fakeDemo(given: Given = {}) {
  const database = new DatabaseSync(':memory:')
  const { context } = fakeContext({
    resolved: resolvedOf(given),
    bindings: bindingsOf(given, database),
    port: { now: () => now },
  })
  const app = new Hono<{ Bindings: AppContext }>().route('/demo', demo)
  app.onError((error) => {
    throw error
  })
  return {
    database,
    call: (path: string, init: RequestInit & { readonly host?: string } = {}) => {
      const { host = 'localhost:8787', ...rest } = init
      const headers = new Headers(rest.headers)
      headers.set('host', host)
      return app.request(`http://${host}${path}`, { ...rest, headers }, context)
    },
  }
}

function resolvedOf({ demo: on = true, stream = 'log', partitions = 1, warehouse = 'd1' }: Given) {
  const targets: [string, object][] = [
    ['webhook', { kind: 'destination', name: 'webhook', displayName: 'Webhook', route: {} }],
    ['tables', { kind: 'warehouse', name: 'tables', route: { use: { name: warehouse } } }],
  ]
  return {
    stream: fakeStream({ name: stream, partitions }).stream,
    sources: new Map([['shop', { name: 'shop', writeKey: 'demo-write-key' }]]),
    paths: { ingest: '', sdk: '/sdk', beacon: '/beacon' },
    targets: new Map(targets),
    adminToken,
    demo: on,
  }
}

function bindingsOf(given: Given, database: DatabaseSync) {
  const { events = [], letters = {}, tables = {}, partitions = 1, broken = [] } = given
  const fail = (name: 'LOG' | 'LANE' | 'LOADER') => {
    if (broken.includes(name)) throw new Error(`${name} is unavailable`)
  }
  return {
    LOG: {
      getByName: (name: string) => ({
        tail: async () => {
          fail('LOG')
          const mine = events.flatMap((event, i) => (i % partitions === Number(name) ? [chunkWith(event, i)] : []))
          return { chunks: mine, head: mine.length }
        },
      }),
    },
    LANE: {
      getByName: (name: string) => ({
        status: async () => {
          fail('LANE')
          return laneStatusOf(name, { deadLetters: letters[name]?.length ?? 0 })
        },
        trace: async () => given.trace ?? { status: 'unknown' },
        letters: async () => {
          fail('LANE')
          return [...(letters[name] ?? [])]
        },
      }),
    },
    LOADER: {
      getByName: (warehouse: string) => ({
        status: async () => {
          fail('LOADER')
          return loaderStatusOf(warehouse, { tables })
        },
      }),
    },
    DB: broken.includes('DB') ? {} : d1Over(database, given.onRead),
    ASSETS: {
      fetch: async (request: Request) => {
        const { pathname } = new URL(request.url)
        return pathname === '/demo/'
          ? new Response('<title>Difference Engine Shop</title>', { headers: { 'content-type': 'text/html' } })
          : new Response(null, { status: 404 })
      },
    },
  }
}

function chunkWith(event: Event, offset: number): Chunk {
  const receivedAt = String(event.receivedAt)
  return chunkOf(offset, [pack(headerOf(event.messageId, { receivedAt }), event)], Date.parse(receivedAt))
}

function d1Over(database: DatabaseSync, onRead: Given['onRead']) {
  const statement = (sql: string, values: SQLInputValue[] = []) => ({
    bind: (...bound: SQLInputValue[]) => statement(sql, bound),
    run: () => ({ results: database.prepare(sql).all(...values) }),
  })
  return {
    prepare: (sql: string) => statement(sql),
    batch: async (statements: ReturnType<typeof statement>[]) => {
      await onRead?.()
      return statements.map((one) => one.run())
    },
  }
}

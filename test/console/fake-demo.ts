import { readableLog } from '../support/fake-stream.ts'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Hono } from 'hono'
import { demo } from '../../src/console/demo.ts'
import type { Bindings, LaneRpc, LaneStatus, LoaderStatus } from '../../src/core/bindings.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { type Header, pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { frame } from '../../src/storage/frame.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { createBill } from '../../src/core/billed.ts'
import type { Target, ResolvedConfig } from '../../src/core/resolved-config.ts'
import type { Chunk } from '../../src/core/inbox.ts'

export const adminToken = 'correct-horse-battery-staple'
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
  readonly broken?: readonly ('LOG' | 'LANE' | 'LOADER' | 'DB')[]
}

/** The demo app as the Worker mounts it, over fakes; D1 is SQLite in memory. */
export function fakeDemo(given: Given = {}) {
  const database = new DatabaseSync(':memory:')
  const bindings = bindingsOf(given, database)
  const context = {
    resolved: resolvedOf(given),
    bindings,
    port: { now: () => now, log: () => {} },
  } as unknown as AppContext
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

function resolvedOf({ demo: on = true, stream = 'log', partitions = 1, warehouse = 'd1' }: Given): ResolvedConfig {
  const targets: [string, Target][] = [
    ['webhook', { kind: 'destination', name: 'webhook', displayName: 'Webhook', route: {} } as unknown as Target],
    ['tables', { kind: 'warehouse', name: 'tables', route: { use: { name: warehouse } } } as unknown as Target],
  ]
  return {
    stream: { name: stream, partitions, ...(stream === 'log' ? { log: readableLog } : {}) },
    sources: new Map([['shop', { name: 'shop', writeKey: 'demo-write-key' }]]),
    paths: { ingest: '', sdk: '/sdk' },
    targets: new Map(targets),
    adminToken,
    demo: on,
  } as unknown as ResolvedConfig
}

function bindingsOf(given: Given, database: DatabaseSync): Bindings {
  const { events = [], letters = {}, tables = {}, partitions = 1, broken = [] } = given
  const fail = (name: 'LOG' | 'LANE' | 'LOADER') => {
    if (broken.includes(name)) throw new Error(`${name} is unavailable`)
  }
  return {
    LOG: {
      getByName: (name: string) => ({
        tail: async () => {
          fail('LOG')
          const mine = events.flatMap((event, i) => (i % partitions === Number(name) ? [chunkOf(event, i)] : []))
          return { chunks: mine, head: mine.length }
        },
      }),
    },
    LANE: {
      getByName: (name: string) =>
        ({
          status: async () => {
            fail('LANE')
            return laneStatus(name, letters[name]?.length ?? 0)
          },
          letters: async () => {
            fail('LANE')
            return [...(letters[name] ?? [])]
          },
        }) as unknown as LaneRpc,
    },
    LOADER: {
      getByName: (warehouse: string) => ({
        status: async () => {
          fail('LOADER')
          return { warehouse, stagedFiles: 0, stagedEvents: 0, oldestSeconds: 0, tables, billed: createBill() }
        },
      }),
    },
    DB: broken.includes('DB') ? {} : d1Over(database),
    ASSETS: {
      fetch: async (request: Request) => {
        const { pathname } = new URL(request.url)
        return pathname === '/demo/'
          ? new Response('<title>Difference Engine Shop</title>', { headers: { 'content-type': 'text/html' } })
          : new Response(null, { status: 404 })
      },
    },
  } as unknown as Bindings
}

function laneStatus(name: string, deadLetters: number): LaneStatus {
  const [target = '', partition] = name.split(':')
  const kind = target === '@edge' ? 'edge' : target === 'tables' ? 'warehouse' : 'destination'
  const rest = { state: 'idle', depth: 0, waiting: 0, oldestSeconds: 0, counters: {}, billed: createBill() } as const
  return { target, partition: Number(partition), kind, deadLetters, ...rest }
}

function chunkOf(event: Event, i: number): Chunk {
  const receivedAt = String(event.receivedAt)
  const header: Header = { id: event.messageId, key: 'ada', source: 'shop', receivedAt, to: ['webhook'], facts: {} }
  return { offset: i, count: 1, at: Date.parse(receivedAt), data: frame(pack(header, event).text) }
}

function d1Over(database: DatabaseSync) {
  const statement = (sql: string, values: SQLInputValue[] = []) => ({
    bind: (...bound: SQLInputValue[]) => statement(sql, bound),
    run: () => ({ results: database.prepare(sql).all(...values) }),
  })
  return {
    prepare: (sql: string) => statement(sql),
    batch: async (statements: ReturnType<typeof statement>[]) => statements.map((one) => one.run()),
  }
}

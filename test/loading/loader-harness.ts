import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { join } from 'node:path'
import type {
  ErasureStatus,
  LoaderStatus,
  LoadOptions,
  LoadReport,
  StagedAnswer,
  StagedFile,
  StagedPlaceQuery,
} from '../../src/core/bindings.ts'
import type { ErasureOrder } from '../../src/core/erased-user.ts'
import type { SyncPage, SyncQuery } from '../../src/core/sync.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { frame, joinFrames } from '../../src/storage/frame.ts'

/** A loader in workerd, with a real R2 bucket and a real D1 database. */
export interface LoaderHarness {
  /** Writes events to R2 as a lane does, and tells the loader. */
  readonly stage: (key: string, events: readonly Event[], to?: readonly string[]) => Promise<StagedFile>
  /** Writes any bytes. */
  readonly stageBytes: (key: string, bytes: Uint8Array) => Promise<StagedFile>
  /** Writes any bytes, and tells nobody. */
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>
  readonly register: (file: StagedFile) => Promise<void>
  readonly load: (options?: LoadOptions) => Promise<LoadReport & { readonly thrown?: string }>
  /** Of the one warehouse of the config, unless a name is given. */
  readonly status: (warehouse?: string) => Promise<LoaderStatus>
  readonly syncs: (query?: SyncQuery) => Promise<SyncPage>
  /** Asks whether an event still waits for its load. */
  readonly waitsFor: (event: StagedPlaceQuery) => Promise<StagedAnswer>
  /** One of the calls about files that were set aside. */
  readonly unreadable: (
    method: 'unreadable' | 'readUnreadable' | 'mendUnreadable' | 'reloadUnreadable' | 'discardUnreadable',
    ...args: readonly unknown[]
  ) => Promise<unknown>
  readonly erase: (user: ErasureOrder) => Promise<ErasureStatus>
  /** What it logged. */
  readonly logged: () => Promise<Record<string, unknown>[]>
  readonly letters: () => Promise<NewDeadLetter[]>
  readonly setup: (setup: object) => Promise<void>
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>
  readonly objects: () => Promise<string[]>
  readonly stop: () => Promise<void>
}

export async function startLoader(): Promise<LoaderHarness> {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 'loader-worker.ts')],
    bundle: true,
    format: 'esm',
    write: false,
    platform: 'neutral',
    external: ['cloudflare:*', 'node:*'],
  })
  const object = (exportName: string) => ({ type: 'durable-object', exportName, worker: 'loader-test' }) as const
  const miniflare = new Miniflare({
    workers: [
      {
        config: {
          name: 'loader-test',
          compatibilityDate: '2026-10-01',
          manifest: {
            mainModule: 'worker.mjs',
            modules: { 'worker.mjs': { type: 'esm', contents: bundle.outputFiles[0]?.text ?? '' } },
          },
          exports: {
            Loader: { type: 'durable-object', storage: 'sqlite' },
            Lane: { type: 'durable-object', storage: 'sqlite' },
          },
          env: {
            LOADER: object('Loader'),
            LANE: object('Lane'),
            DB: { type: 'd1', id: 'loader-test' },
            BUCKET: { type: 'r2', name: 'loader-test' },
          },
        },
      },
    ],
  })
  const bucket = (await miniflare.getR2Bucket('BUCKET')) as unknown as R2Bucket
  const database = await miniflare.getD1Database('DB')
  const call = async (path: string, ...args: unknown[]): Promise<never> => {
    const response = await miniflare.dispatchFetch(`http://loader.test/${path}`, {
      method: 'POST',
      body: JSON.stringify(args),
    })
    return (await response.json()) as never
  }
  const register = (file: StagedFile) => call('loader/register', 'tables', file)
  const stageBytes = async (key: string, bytes: Uint8Array, events = 1) => {
    await bucket.put(key, bytes)
    const file = { key, partition: 0, events, bytes: bytes.byteLength }
    await register(file)
    return file
  }
  return {
    stage: (key, events, to = ['tables']) => {
      const texts = events.map((event) => {
        const receivedAt = event.receivedAt ?? '2026-11-22T10:00:00.000Z'
        const header = { id: event.messageId, key: 'ada', source: 'shop', receivedAt, to, facts: {} }
        return pack(header, event).text
      })
      const half = Math.ceil(texts.length / 2)
      const frames = [texts.slice(0, half), texts.slice(half)].flatMap((some) =>
        some.length === 0 ? [] : [frame(some.join(''))],
      )
      return stageBytes(key, joinFrames(frames), events.length)
    },
    stageBytes,
    put: async (key, bytes) => {
      await bucket.put(key, bytes)
    },
    register,
    load: (options = {}) => call('loader/load', 'tables', options),
    status: (warehouse = 'tables') => call('loader/status', warehouse),
    syncs: (query = { limit: 20 }) => call('loader/syncs', 'tables', query),
    waitsFor: (event) => call('loader/waitsFor', 'tables', event),
    unreadable: (method, ...args) => call(`loader/${method}`, 'tables', ...args),
    erase: (user) => call('loader/erase', 'tables', user),
    logged: () => call('logged'),
    letters: () => call('lane/letters'),
    setup: (setup) => call('setup', setup),
    query: async (sql) => (await database.prepare(sql).all()).results,
    objects: async () => (await bucket.list()).objects.map(({ key }) => key),
    stop: () => miniflare.dispose(),
  }
}

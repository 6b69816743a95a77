import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'

/**
 * `parse` parses the body and answers · `write` parses it and writes it as one row in a Durable Object · `checks`
 * parses, and does all that Sluiceway's edge does before the append · `hop` also calls an empty Durable Object with the
 * events · `commit` calls Sluiceway's log instead, behind which there is no lane · `slice` is `commit` with everything
 * switched off that can be, `validateWith` with everything on, `enriched` with everything but privacy rules (see features.ts).
 */
export const yardsticks = ['parse', 'write', 'checks', 'hop', 'commit', 'slice', 'enriched', 'checked'] as const

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type Yardstick = (typeof yardsticks)[number]

/** The yardsticks, each listening on a port of its own, all in one workerd. */
export interface Yardsticks {
  readonly urls: Readonly<Record<Yardstick, string>>
  readonly pid: number | undefined
  readonly stop: () => Promise<void>
}

/**
 * Serves the yardsticks in a workerd of their own, straight from its sockets, on loopback.
 *
 * @returns once they listen
 */
export async function startYardsticks(): Promise<Yardsticks> {
  const storage = await mkdtemp(join(tmpdir(), 'sluiceway-yardstick-'))
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'yardstick-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
  })
  let workerd: ChildProcess | undefined
  const watch = (message: unknown) => {
    workerd = (message as { process: ChildProcess }).process
  }
  subscribe('child_process', watch)
  const objects = { LOG: 'Log', EMPTY: 'Empty', WRITE: 'Write' }
  const listeners = signals.map((signal) => process.listeners(signal))
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          name: 'yardstick',
          compatibilityDate: '2026-10-01',
          modules: [{ type: 'ESModule', path: 'yardstick.js', contents: outputFiles[0]?.text ?? '' }],
          durableObjects: Object.fromEntries(
            Object.entries(objects).map(([name, className]) => [name, { className, useSQLite: true }]),
          ),
          unsafeDirectSockets: yardsticks.map((entrypoint) => ({ host: '127.0.0.1', port: 0, entrypoint })),
        },
      ],
    }),
    resourcePersistencePath: storage,
    enableDevRegistry: false,
    logRequests: false,
    cf: false,
    log: new Log(LogLevel.ERROR),
  })
  // Miniflare would end this process on a signal by itself, before what was started is ended.
  for (const [i, signal] of signals.entries())
    for (const listener of process.listeners(signal))
      if (listeners[i]?.includes(listener) !== true) process.removeListener(signal, listener)
  await miniflare.ready
  unsubscribe('child_process', watch)
  const urls = await Promise.all(
    yardsticks.map(async (name) => [name, String(await miniflare.unsafeGetDirectURL('yardstick', name))] as const),
  )
  return {
    urls: Object.fromEntries(urls) as Record<Yardstick, string>,
    pid: workerd?.pid,
    stop: async () => {
      await miniflare.dispose()
      await rm(storage, { recursive: true, force: true })
    },
  }
}

import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { outbound } from '../start/outbound.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

interface Options<Name extends string> {
  /** The Worker's main module, as TypeScript. */
  readonly file: string
  /** Classes of its Durable Objects by their bindings. */
  readonly objects: Readonly<Record<string, string>>
  /** Each listens on a port of its own. */
  readonly entrypoints: readonly Name[]
}

/** A Worker of a benchmark that listens. */
export interface ServedWorker<Name extends string> {
  readonly urls: Readonly<Record<Name, string>>
  readonly pid: number | undefined
  readonly stop: () => Promise<void>
}

/**
 * Serves a Worker in a workerd of its own, straight from its sockets, on loopback.
 *
 * @param options which Worker
 * @returns once it listens
 */
export async function serveWorker<const Name extends string>({
  file,
  objects,
  entrypoints,
}: Options<Name>): Promise<ServedWorker<Name>> {
  const storage = await mkdtemp(join(tmpdir(), 'sluiceway-yardstick-'))
  const { outputFiles } = await build({
    entryPoints: [file],
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
  const listeners = signals.map((signal) => process.listeners(signal))
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          name: 'yardstick',
          compatibilityDate: '2026-10-01',
          modules: [{ type: 'ESModule', path: 'yardstick.js', contents: outputFiles[0]?.text ?? '' }],
          serviceBindings: { OUTBOUND: outbound() },
          durableObjects: Object.fromEntries(
            Object.entries(objects).map(([name, className]) => [name, { className, useSQLite: true }]),
          ),
          unsafeDirectSockets: entrypoints.map((entrypoint) => ({ host: '127.0.0.1', port: 0, entrypoint })),
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
    entrypoints.map(async (name) => [name, String(await miniflare.unsafeGetDirectURL('yardstick', name))] as const),
  )
  return {
    urls: Object.fromEntries(urls) as Record<Name, string>,
    pid: workerd?.pid,
    stop: async () => {
      await miniflare.dispose()
      await rm(storage, { recursive: true, force: true })
    },
  }
}

import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import type { ConfigSummary } from '../../src/configure/summarize-config.ts'
import type { WorkerBuild } from '../build/worker.ts'
import { startError } from '../check/ask-worker.ts'

/** A runtime that serves the built Worker. */
export interface Runtime {
  readonly workerdPid: () => number | undefined
  /** Runs the Worker's scheduled handler once. */
  readonly scheduled: () => Promise<void>
  /** What the Worker's config serves. It is asked from inside the runtime: nobody reaches that over the port. */
  readonly summary: () => Promise<ConfigSummary>
  /** Ends it; what was answered is durable already. */
  readonly stop: () => Promise<void>
}

interface Options {
  readonly build: WorkerBuild
  readonly host: string
  readonly port: number
  /** Folder for Durable Objects, R2 and D1. */
  readonly storage: string
  readonly vars: Readonly<Record<string, string>>
  /** Takes a line of what the Worker or the runtime says. */
  readonly say: (line: string) => void
  /** Called when the runtime died and is back on the same state and port. */
  readonly onRestart: () => void
  /** Called when it died and did not come back. */
  readonly onLost: () => void
}

interface Scheduled {
  readonly scheduled: (options: { readonly cron: string; readonly scheduledTime: Date }) => Promise<unknown>
}

interface Asker {
  readonly fetch: (url: string) => Promise<Response>
}

/** Milliseconds that a runtime which died may take to come back. */
const restartLimit = 10_000

/**
 * Serves a built Worker in workerd, listening itself: no proxy stands before it.
 *
 * @param options what to serve, where, and whom to tell
 * @returns once the port is open
 * @throws {SluicewayError} config_invalid when the Worker's modules throw while they are loaded
 */
export async function startRuntime(options: Options): Promise<Runtime> {
  const { build, say } = options
  let stopping = false
  let workerd: ChildProcess | undefined
  let lost: NodeJS.Timeout | undefined

  const watch = (message: unknown) => {
    const child = (message as { process: ChildProcess }).process
    // The channel reports a process before it is spawned, when it has neither a name nor a number.
    queueMicrotask(() => {
      if (!child.spawnfile?.includes('workerd')) return
      workerd = child
      child.once('exit', (code, signal) => {
        if (stopping) return
        say(`The runtime (process ${child.pid}) ended with ${signal ?? `code ${code}`}; restarting on the same state.`)
        lost ??= setTimeout(options.onLost, restartLimit)
      })
    })
  }
  subscribe('child_process', watch)

  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const ours = signals.map((signal) => process.listeners(signal))
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          ...build.options,
          name: 'sluiceway',
          modules: build.modules.map((module) => ({ ...module })),
          bindings: { ...build.options.bindings, ...options.vars, POSITIONS: build.positions },
          unsafeDirectSockets: [{ host: options.host, port: options.port, entrypoint: 'direct' }],
        },
        asker,
      ],
    }),
    resourcePersistencePath: options.storage,
    enableDevRegistry: false,
    logRequests: false,
    cf: false,
    log: new Lines(say),
    handleStructuredLogs: ({ message }) => say(message),
    unsafeHandleRuntimeRestart: () => {
      clearTimeout(lost)
      lost = undefined
      if (!stopping) options.onRestart()
    },
  })
  // Miniflare would end the process on a signal by itself, before the state folder is released.
  for (const [i, signal] of signals.entries())
    for (const listener of process.listeners(signal))
      if (ours[i]?.includes(listener) !== true) process.removeListener(signal, listener)

  const stop = async () => {
    stopping = true
    clearTimeout(lost)
    unsubscribe('child_process', watch)
    await miniflare.dispose()
    workerd?.kill('SIGKILL')
  }
  try {
    await miniflare.ready
  } catch (thrown) {
    // It rejects with the same reason.
    await stop().catch(() => undefined)
    throw startError(thrown)
  }
  return {
    workerdPid: () => workerd?.pid,
    scheduled: async () => {
      // Its type comes from Miniflare's own copy of the Workers types, and lacks methods.
      const worker = (await miniflare.getWorker()) as unknown as Scheduled
      for (const cron of build.options.cronTriggers ?? []) await worker.scheduled({ cron, scheduledTime: new Date() })
    },
    summary: async () => {
      const worker = (await miniflare.getWorker(asker.name)) as unknown as Asker
      return (await (await worker.fetch('http://asker.localhost/')).json()) as ConfigSummary
    },
    stop,
  }
}

/** A Worker of the start's own, which asks the served one for what has no route. */
const asker = {
  name: 'asker',
  modules: true,
  script: 'export default { fetch: (request, env) => env.SUMMARY.fetch(request) }',
  serviceBindings: { SUMMARY: { name: 'sluiceway', entrypoint: 'summary' } },
} as const

/** The names that wrangler.toml binds to something else than a text. */
export const bindingsOf = ({ options }: WorkerBuild): ReadonlySet<string> =>
  new Set([
    ...[
      options.durableObjects,
      options.r2Buckets,
      options.d1Databases,
      options.queueProducers,
      options.kvNamespaces,
    ].flatMap((bound) => (Array.isArray(bound) ? bound : Object.keys(bound ?? {}))),
    ...(options.assets?.binding === undefined ? [] : [options.assets.binding]),
  ])

/** Miniflare's own errors, without colors or prefixes. */
class Lines extends Log {
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    super(LogLevel.ERROR)
    this.#say = say
  }

  override logWithLevel(level: LogLevel, message: string): void {
    if (level <= LogLevel.ERROR) this.#say(message)
  }
}

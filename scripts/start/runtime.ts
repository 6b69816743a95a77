import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import type { ConfigSummary } from '../../src/configure/summarize-config.ts'
import type { WorkerBuild } from '../build/worker.ts'
import { outbound } from './outbound.ts'
import { startError } from '../check/ask-worker.ts'

/** A runtime that serves the built Worker. */
export interface Runtime {
  readonly workerdPid: () => number | undefined
  /** Runs the Worker's scheduled handler once. */
  readonly scheduled: () => Promise<void>
  /** What the Worker's config serves. It is asked from inside the runtime: nobody reaches that over the port. */
  readonly summary: () => Promise<ConfigSummary>
  /** Rejects where the runtime does not answer within so many milliseconds. */
  readonly ask: (ms: number) => Promise<unknown>
  /**
   * Ends its process, which may be caught in an endless loop, and starts another with other `vars`, on the same state and port.
   * It may be called again before it has resolved: the process that is starting may be caught as well.
   */
  readonly restart: (vars: Options['vars']) => Promise<void>
  /** Ends it; what was answered is durable already. */
  readonly stop: () => Promise<void>
}

interface Options {
  readonly build: WorkerBuild
  readonly host: string
  readonly port: number
  /** Port of 127.0.0.1 for a debugger; undefined for none. */
  readonly inspect: number | undefined
  /** Folder for Durable Objects, R2 and D1. */
  readonly storage: string
  readonly vars: Readonly<Record<string, string>>
  /** Takes a line of what the Worker or the runtime says. */
  readonly say: (line: string) => void
  /** Called when the runtime died by itself. */
  readonly onDeath: () => void
  /** Called when the runtime died and is back on the same state and port. */
  readonly onRestart: () => void
  /** Called when it died and did not come back. */
  readonly onLost: () => void
  /** Called with the process of a runtime before its port is open. */
  readonly onProcess: (process: ChildProcess) => void
  /** Gives the start up: the process does not open its port. */
  readonly signal: AbortSignal
}

/** Milliseconds that a runtime which died may take to come back. */
const restartLimit = 10_000

/**
 * Serves a built Worker in workerd, listening itself: no proxy stands before it.
 *
 * @param options what to serve, where, and whom to tell
 * @returns once the port is open
 * @throws {SluicewayError} config_invalid when the Worker's modules throw while they are loaded
 * @throws the reason of the signal
 */
export async function startRuntime(options: Options): Promise<Runtime> {
  const { build, say } = options
  let stopping = false
  /** Starts of another process that were asked for, and the last of them while it has not ended. */
  let restarts = 0
  let restarting: Promise<unknown> | undefined
  const token = randomUUID()
  let workerd: ChildProcess | undefined
  let lost: NodeJS.Timeout | undefined

  const watch = (message: unknown) => {
    const child = (message as { process: ChildProcess }).process
    // The channel reports a process before it is spawned, when it has neither a name nor a number.
    queueMicrotask(() => {
      if (!child.spawnfile?.includes('workerd')) return
      workerd = child
      options.onProcess(child)
      child.once('exit', (code, signal) => {
        if (stopping || restarting !== undefined) return
        say(`The runtime (process ${child.pid}) ended with ${signal ?? `code ${code}`}; restarting on the same state.`)
        options.onDeath()
        lost ??= setTimeout(options.onLost, restartLimit)
      })
    })
  }
  subscribe('child_process', watch)

  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const ours = signals.map((signal) => process.listeners(signal))
  const optionsOf = (vars: Options['vars']) => ({
    ...convertV4MiniflareOptions({
      workers: [
        {
          ...build.options,
          name: 'sluiceway',
          modules: build.modules.map((module) => ({ ...module })),
          serviceBindings: { ...build.options.serviceBindings, OUTBOUND: outbound() },
          bindings: { ...build.options.bindings, ...vars, POSITIONS: build.positions },
          unsafeDirectSockets: [{ host: options.host, port: options.port, entrypoint: 'direct' }],
        },
        askerWith(token),
      ],
    }),
    resourcePersistencePath: options.storage,
    enableDevRegistry: false,
    ...(options.inspect === undefined ? {} : { inspectorPort: options.inspect }),
    logRequests: false,
    cf: false,
    log: new Lines(say),
    handleStructuredLogs: ({ message }: { readonly message: string }) => say(message),
    unsafeHandleRuntimeRestart: () => {
      clearTimeout(lost)
      lost = undefined
      if (!stopping) options.onRestart()
    },
  })
  const miniflare = new Miniflare(optionsOf(options.vars))
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
  const restart: Runtime['restart'] = async (vars) => {
    const mine = ++restarts
    // One that is caught before its port is open would keep Miniflare waiting for that.
    if (restarting !== undefined || lost !== undefined) workerd?.kill('SIGKILL')
    const started = miniflare.setOptions(optionsOf(vars))
    restarting = started
    try {
      await started
    } catch (thrown) {
      if (mine === restarts) throw thrown
      await restarting
    } finally {
      if (mine === restarts) {
        restarting = undefined
        clearTimeout(lost)
        lost = undefined
      }
    }
  }
  // Miniflare's own ways to call a Worker stop all of this process until it answers, and so they would stop the watch.
  const ask = async (path: string, signal?: AbortSignal) =>
    read(new URL(path, await miniflare.unsafeGetDirectURL(askerName)).href, token, signal)
  const { signal } = options
  try {
    await Promise.race([miniflare.ready, once(signal, 'abort')])
    signal.throwIfAborted()
  } catch (thrown) {
    if (signal.aborted) {
      stopping = true
      // Miniflare waits for its port.
      workerd?.kill('SIGKILL')
    }
    // It rejects with the same reason.
    await stop().catch(() => undefined)
    throw signal.aborted ? signal.reason : startError(thrown)
  }
  return {
    workerdPid: () => workerd?.pid,
    scheduled: async () => {
      for (const cron of build.options.cronTriggers ?? []) await ask(`/scheduled?cron=${encodeURIComponent(cron)}`)
    },
    summary: async () => JSON.parse(await ask('/summary')) as ConfigSummary,
    ask: (ms) => ask('/alive', AbortSignal.timeout(ms)),
    restart,
    stop,
  }
}

/** Reads what the asker answers, however long it takes. */
async function read(url: string, token: string, signal?: AbortSignal): Promise<string> {
  const request = get(url, {
    agent: false,
    headers: { authorization: token },
    ...(signal === undefined ? {} : { signal }),
  })
  // What goes wrong after the answer began is an error of the answer, too.
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if (response.statusCode !== 200) throw new Error(`the runtime answered ${response.statusCode}: ${answer}`)
  return answer
}

const askerName = 'asker'

/** A Worker of the start's own, which asks the served one for what has no route. Only who has the token may ask. */
const askerWith = (token: string) => ({
  name: askerName,
  modules: true as const,
  script: `export default {
    async fetch(request, { TOKEN, SERVED, SUMMARY }) {
      if (request.headers.get('authorization') !== TOKEN) return new Response(null, { status: 403 })
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/summary') return SUMMARY.fetch('http://asker.localhost/')
      if (pathname === '/scheduled')
        await SERVED.scheduled({ cron: searchParams.get('cron'), scheduledTime: new Date() })
      return new Response()
    },
  }`,
  compatibilityFlags: ['service_binding_extra_handlers'],
  bindings: { TOKEN: token },
  serviceBindings: { SERVED: 'sluiceway', SUMMARY: { name: 'sluiceway', entrypoint: 'summary' } },
  unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
})

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

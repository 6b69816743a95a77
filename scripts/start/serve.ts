import { reasonOf } from '../../src/core/errors.ts'
import { buildWorker, type Place } from '../build/worker.ts'
import { withErrorPlaces } from '../check/source-places.ts'
import { banner } from './banner.ts'
import { fitVars, readEnvFiles, readingsOf } from './env-file.ts'
import { help, readFlags } from './flags.ts'
import { checkHealth } from './health.ts'
import { logbook } from './logbook.ts'
import { freePort } from './port.ts'
import { bindingsOf, startRuntime } from './runtime.ts'
import { servedBy } from './served.ts'
import { openState } from './state.ts'
import { everyFew } from './ticker.ts'
import { TransformWatch } from './transform-watch.ts'

interface Options extends Place {
  /** What follows the command. */
  readonly argv: readonly string[]
  /** Done first; it may say how it goes. */
  readonly prepare?: (say: Say) => Promise<void>
}

type Say = (line: string) => void

const { env } = process
// npm runs scripts in the folder of package.json and says in INIT_CWD where the user was.
const cwd = env.npm_lifecycle_event === 'start' && env.INIT_CWD !== undefined ? env.INIT_CWD : process.cwd()
const say: Say = (line) => process.stderr.write(`${line}\n`)

const undo: (() => unknown)[] = []
let ending = false

async function end(code: number): Promise<void> {
  if (ending) return
  ending = true
  // Whatever happens, the process is gone within a second.
  setTimeout(() => process.exit(code), 900).unref()
  for (const step of undo.toReversed()) await step()
  process.exit(code)
}

function fail(thrown: unknown): void {
  if (!ending) say(reasonOf(thrown))
  void end(1)
}

async function start({ argv, prepare, ...place }: Options): Promise<void> {
  const flags = readFlags({ argv, env, cwd, root: place.root })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const files = readEnvFiles(flags.envFiles, place.root)
  await prepare?.(say)
  const state = await openState(flags.state)
  undo.push(state.release)
  const port = await freePort(flags.host, flags.port)
  const build = await buildWorker({ ...place, config: flags.config, say })

  const url = `http://${flags.host.includes(':') ? `[${flags.host}]` : flags.host}:${port}`
  const local = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
  const made = {
    WRITE_KEY: state.secrets.writeKey,
    ADMIN_TOKEN: state.secrets.adminToken,
    WEBHOOK_SECRET: state.secrets.webhookSecret,
    SINK_URL: `${local}/demo/sink`,
    LOCAL: '1',
    // Where others can reach the port, the demo page shows events for the admin token only.
    DEMO: /^(127\.|localhost$|::1$)/.test(flags.host) ? '1' : 'token',
  }
  const fitted = fitVars(files.vars, { made, bound: bindingsOf(build) })
  for (const line of readingsOf(files, fitted, cwd)) say(line)
  const vars = { ...made, ...fitted.vars, ...flags.vars }
  if (ending) return
  const log = logbook(say)
  const watch = new TransformWatch({ state: flags.state, root: place.root, build: build.folder, say })
  const bundle = { folder: build.folder, root: place.root, home: place.home }
  const starting = watch.opened(flags.loop, (opening) =>
    startRuntime({
      ...opening,
      build,
      host: flags.host,
      port,
      inspect: flags.inspect,
      storage: state.storage,
      vars: { ...vars, ...watch.vars },
      say: (line) => watch.take(line) || log.add(line),
      onDeath: () => watch.forget(),
      onRestart: () => state.note({ url: local, workerdPid: runtime.workerdPid() }),
      onLost: () => fail('The runtime died and could not be restarted; what was accepted is safe in the state folder.'),
    }),
  )
  const runtime = await withErrorPlaces(starting, bundle)
  undo.push(runtime.stop)
  state.note({ url: local, workerdPid: runtime.workerdPid() })
  undo.push(
    watch.start(runtime, {
      seconds: flags.loop,
      restart: () => runtime.restart({ ...vars, ...watch.vars }),
      onRestart: () => state.note({ url: local, workerdPid: runtime.workerdPid() }),
      fail,
    }),
  )
  const { WRITE_KEY: writeKey, ADMIN_TOKEN: adminToken } = vars
  const served = await watch.through(async () => {
    await withErrorPlaces(checkHealth(local, log), bundle)
    return servedBy(await runtime.summary(), local, { writeKey, adminToken })
  })
  if (ending) return
  log.open()
  undo.push(everyFew(() => watch.through(runtime.scheduled), { seconds: flags.tick, say }))
  const ready = {
    url: local,
    writeKey: served.first?.writeKey ?? null,
    adminToken: served.admin === 'token' ? adminToken : null,
    pid: process.pid,
    workerdPid: runtime.workerdPid(),
    demo: served.demo ? `${local}/demo` : null,
  }
  process.stdout.write(
    flags.json ? `${JSON.stringify(ready)}\n` : banner({ ...served, url: local, writeKey, adminToken }, flags),
  )
}

/**
 * Builds a Worker, serves it, and ends the process with it: on a signal, and when it cannot be served. The only caller of a
 * process.
 *
 * @param options where it is built, and the command line
 */
export function serve(options: Options): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0))
  process.on('uncaughtException', fail)
  // A call that was under way when the runtime died may reject with nobody waiting; the runtime is restarted all the same.
  process.on('unhandledRejection', (thrown) => ending || say(reasonOf(thrown)))
  start(options).catch(fail)
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluicewayError } from '../../src/core/errors.ts'

interface JavaOptions {
  /** In messages. */
  readonly name: string
  /** What follows `java`. */
  readonly args: readonly string[]
  /** File that takes what it prints. */
  readonly log: string
  /** Seconds that a start may take. */
  readonly seconds: number
  /** Whether it is ready, given what it has printed so far. */
  readonly isReady: (log: string) => boolean | Promise<boolean>
}

const small = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
/** Milliseconds for an orderly end, before it is killed. */
const patience = 20_000
const running = new Set<ChildProcess>()

/** Whether a process has no thread that runs. The signal that stops a process reaches its threads one by one. */
function standsStill(pid: number): boolean {
  const threads = `/proc/${pid}/task`
  try {
    return readdirSync(threads).every((thread) =>
      / \(.*\) [TtZX] /s.test(readFileSync(`${threads}/${thread}/stat`, 'utf8')),
    )
  } catch {
    // A thread has ended between the two calls.
    return false
  }
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

// Whoever starts servers and ends without stopping them leaves none behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A Java server as a child of this process, which can be frozen, killed and started again. */
export class JavaProcess {
  readonly #options: JavaOptions
  #child: ChildProcess | undefined

  constructor(options: JavaOptions) {
    this.#options = options
  }

  /** The number of the process; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /**
   * Starts it, and waits until it is ready.
   *
   * @returns nothing
   * @throws {SluicewayError} internal with the end of its log when it ends before, or is not ready in time
   */
  async start(): Promise<void> {
    const { name, args, log, seconds, isReady } = this.#options
    const output = openSync(log, 'w')
    const child = spawn('java', [...small, ...args], { stdio: ['ignore', output, output] })
    closeSync(output)
    this.#child = child
    running.add(child)
    const end: { why?: string } = {}
    child.once('error', (error) => (end.why = error.message))
    child.once('exit', (code, signal) => {
      end.why = `it ended with ${signal ?? code}`
      running.delete(child)
      if (this.#child === child) this.#child = undefined
    })
    const deadline = Date.now() + seconds * 1_000
    while (end.why === undefined && Date.now() < deadline) {
      if (await isReady(readFileSync(log, 'utf8'))) return
      await sleep(100)
    }
    const why = end.why ?? `it is not ready after ${seconds} s`
    await this.kill()
    const lines = readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n')
    throw new SluicewayError('internal', `${name} did not start: ${why}. The end of its log:\n${lines}`)
  }

  /** Ends it in good order; after 20 s it is killed. Wakes it first where it is frozen. */
  async halt(): Promise<void> {
    this.thaw()
    await this.#end('SIGTERM')
  }

  /** Ends it as a crash does: `kill -9`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops its threads, and waits until all stand still; its connections stay open and nothing is answered. */
  async freeze(): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined) return
    child.kill('SIGSTOP')
    if (process.platform !== 'linux') await sleep(500)
    else while (isRunning(child) && !standsStill(child.pid)) await sleep(10)
  }

  /** Lets it go on. */
  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || !isRunning(child)) return
    const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), patience)
    await exit
    clearTimeout(timer)
  }
}

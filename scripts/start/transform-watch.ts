import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Watching } from '../../src/platform/watched-transforms.ts'
import { RunningCode, Suspects } from './running-code.ts'
import type { Runtime } from './runtime.ts'
import { Suspensions } from './suspensions.ts'
import { watchRuntime, type Watch } from './watchdog.ts'

interface Options {
  /** Absolute path of the state folder. */
  readonly state: string
  /** The project's folder. */
  readonly root: string
  /** Folder of the bundle. */
  readonly build: string
  readonly say: (line: string) => void
}

interface Restarting {
  /** Seconds of computing without an answer. */
  readonly seconds: number
  /** Ends the runtime and starts another with the values of now. */
  readonly restart: () => Promise<void>
  readonly onRestart: () => void
  /** Called when it did not come back. */
  readonly fail: (thrown: unknown) => void
}

/** A start of a runtime that may be given up. */
interface Opening {
  /** Takes its process. */
  readonly onProcess: (process: ChildProcess) => void
  /** Aborted when it computes and does not open its port. */
  readonly signal: AbortSignal
}

/** Runs of each transform that are marked, until something hangs that was not. */
const markedRuns = 100
/** Times that a runtime may be caught before its port is open, without a transform to blame. */
const mostOpenings = 2

/** Notices a transform that never ends, starts the runtime anew, and suspends the transform until its code changes. */
export class TransformWatch {
  /** Begins the marks of all runtimes; the number of the runtime follows, since one that was ended may still be heard. */
  readonly #token = randomUUID()
  readonly #say: Options['say']
  readonly #suspensions: Suspensions
  #running: RunningCode
  readonly #suspects = new Suspects()
  #runs: number | null = markedRuns
  #watch: Watch | undefined
  /** Runtimes that were ended. */
  #ended = 0
  #isRestarting = false

  constructor(options: Options) {
    this.#say = options.say
    this.#suspensions = new Suspensions(options)
    this.#running = new RunningCode(this.#runtimeToken)
  }

  /** What the Worker is told. */
  get vars(): { readonly WATCH_TRANSFORMS: string } {
    const watching: Watching = { token: this.#runtimeToken, runs: this.#runs, suspended: this.#suspensions.all }
    return { WATCH_TRANSFORMS: JSON.stringify(watching) }
  }

  /**
   * Takes a line that the Worker wrote.
   *
   * @returns false for one that others should read
   */
  take(line: string): boolean {
    return this.#running.take(line) || line.startsWith(this.#token)
  }

  /** Forgets what ran in a runtime that died by itself. */
  forget(): void {
    this.#running = new RunningCode(this.#runtimeToken)
  }

  /**
   * Starts a runtime, and starts it again where it is caught before its port is open: what was stored may run at once.
   *
   * @param seconds of computing without opening the port
   * @param start starts it with the values of now
   * @returns what it returns
   * @throws {SluicewayError} config_invalid where no transform is to blame
   */
  async opened<T>(seconds: number, start: (opening: Opening) => Promise<T>): Promise<T> {
    for (let unknown = 0; unknown < mostOpenings;) {
      const caught = new AbortController()
      let runtime: ChildProcess | undefined
      const watch = watchRuntime({
        ask: () => new Promise(() => undefined),
        pid: () => runtime?.pid,
        seconds,
        onHang: () => caught.abort(),
      })
      try {
        const onProcess = (process: ChildProcess) => void (runtime = process)
        return await start({ onProcess, signal: caught.signal })
      } catch (thrown) {
        if (!caught.signal.aborted) throw thrown
      } finally {
        watch.end()
      }
      if (this.#judge(seconds).length === 0) unknown++
    }
    throw new SluicewayError(
      'config_invalid',
      `The runtime computed for ${seconds} seconds and did not open its port, ${mostOpenings} times: code at the top level of the config, of a transform or of what they import does not end.`,
    )
  }

  /**
   * Watches a runtime from now on.
   *
   * @returns a function that ends the watch
   */
  start(runtime: Pick<Runtime, 'ask' | 'workerdPid'>, { seconds, restart, onRestart, fail }: Restarting): () => void {
    this.#watch = watchRuntime({
      ask: runtime.ask,
      pid: runtime.workerdPid,
      seconds,
      onHang: () => {
        this.#judge(seconds)
        const number = this.#ended
        this.#isRestarting = true
        const isLast = () => number === this.#ended
        void restart()
          .then(() => isLast() && onRestart(), fail)
          .finally(() => {
            if (isLast()) this.#isRestarting = false
          })
      },
    })
    return this.#watch.end
  }

  /**
   * Does something that needs an answer of the runtime, and does it again when that was caught and another took its place: what
   * was stored may be what does not end.
   *
   * @param task what to do
   * @returns what it returns
   * @throws what it throws while the runtime is well
   */
  async through<T>(task: () => Promise<T>): Promise<T> {
    for (;;) {
      const before = this.#ended
      try {
        return await task()
      } catch (thrown) {
        while (this.#isRestarting || this.#watch?.isInDoubt() === true) await sleep(50)
        if (this.#ended === before) throw thrown
      }
    }
  }

  get #runtimeToken(): string {
    return `${this.#token}.${this.#ended}`
  }

  /** @returns names of transforms that are suspended from now on */
  #judge(seconds: number): readonly string[] {
    const found = this.#running.find()
    const names = this.#suspects.narrow(found)
    this.#ended++
    this.forget()
    const what = `The runtime computed for ${seconds} seconds without an answer; it is started anew on the same state.`
    if (found.query !== undefined) {
      this.#say(
        `${what} It ran a statement that somebody asked of the warehouse "${found.query}"; no transform is suspended.`,
      )
      return names
    }
    this.#runs = null
    this.#suspensions.add(names)
    if (names.length === 0)
      this.#say(
        `${what} Which transform it was is not known${found.names.length === 0 ? '' : `: one of ${found.names.join(', ')}, or other code of yours`}; from now on each run is watched.`,
      )
    for (const name of names)
      this.#say(
        `${what} ${this.#suspensions.describe(name)} did not end. It is suspended until its code changes: events in front of a destination wait or become dead letters (limits.suspended), those of a source become dead letters.`,
      )
    return names
  }
}

import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Debugger, type Wake } from './debugger.ts'

/** How often it is looked. */
const lookMs = 1_000

/** What `Runtime.getHeapUsage` answers: https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage (2026-11-29). */
interface HeapUsage {
  readonly usedSize: number
  readonly backingStorageSize?: number
}

/**
 * Watches the memory of the Worker's isolate, its heap and its buffers: what it holds after a collection of garbage, and what
 * there is before it. It is what Cloudflare's limit of 128 MB is about; the process around it holds the local runtime's R2, queue
 * and SQLite, too.
 */
export class HeapWatch {
  readonly #debugger: Debugger
  readonly #watching: Promise<void>
  #most = 0
  #peak = 0
  #stopped = false

  private constructor(one: Debugger) {
    this.#debugger = one
    this.#watching = this.#watch()
    this.#watching.catch(() => {})
  }

  /** @param port where the runtime takes debuggers */
  static async start(port: number, wake: Wake): Promise<HeapWatch> {
    return new HeapWatch(await Debugger.open(port, wake))
  }

  /** The most megabytes that were held since the last call. */
  take(): number {
    const most = this.#most
    this.#most = 0
    return most
  }

  /** The most megabytes since the last call with the garbage that V8 had not collected by itself yet. */
  takePeak(): number {
    const peak = this.#peak
    this.#peak = 0
    return peak
  }

  /** Ends the watch. Rejects when the isolate could not be asked. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watching
    this.#debugger.close()
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      this.#peak = Math.max(this.#peak, await this.#megabytes())
      await this.#debugger.call('HeapProfiler.collectGarbage')
      this.#most = Math.max(this.#most, await this.#megabytes())
      for (let waited = 0; waited < lookMs && !this.#stopped; waited += 100) await sleep(100)
    }
  }

  async #megabytes(): Promise<number> {
    const { usedSize, backingStorageSize = 0 } = await this.#debugger.call<HeapUsage>('Runtime.getHeapUsage')
    return (usedSize + backingStorageSize) / 1e6
  }
}

/** A port that is free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}

import { once } from 'node:events'
import { createServer } from 'node:net'

/** How often it is looked; each look collects garbage first. */
const lookMs = 1_000
/** Miniflare's name of the Worker that `npm start` serves. */
const isolate = 'core:user:sluiceway'

/** What `Runtime.getHeapUsage` answers: https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage (2026-11-29). */
interface Answer {
  readonly result?: { readonly usedSize?: number; readonly backingStorageSize?: number }
  readonly error?: { readonly message: string }
}

/**
 * Watches what the isolate of the Worker holds: its heap after a collection of garbage, and the memory of its buffers. It is what
 * Cloudflare's limit of 128 MB is about; the process around it holds the local runtime's R2, queue and SQLite, too.
 */
export class HeapWatch {
  #most = 0
  #failure: string | undefined
  readonly #timer: NodeJS.Timeout
  readonly #socket: WebSocket

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Answer))
    let id = 0
    this.#timer = setInterval(() => {
      for (const method of ['HeapProfiler.collectGarbage', 'Runtime.getHeapUsage'])
        socket.send(JSON.stringify({ id: ++id, method }))
    }, lookMs)
  }

  /** @param port where the runtime takes debuggers */
  static async start(port: number): Promise<HeapWatch> {
    const answer = await fetch(`http://127.0.0.1:${port}/json`)
    const targets = (await answer.json()) as readonly { readonly id: string; readonly webSocketDebuggerUrl: string }[]
    const url = targets.find(({ id }) => id === isolate)?.webSocketDebuggerUrl
    if (url === undefined) throw new Error(`no debugger reaches ${isolate}`)
    const socket = new WebSocket(url)
    await once(socket, 'open')
    return new HeapWatch(socket)
  }

  /** The most megabytes since the last call. */
  take(): number {
    if (this.#failure !== undefined) throw new Error(this.#failure)
    const most = this.#most
    this.#most = 0
    return most
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#socket.close()
  }

  #take({ result, error }: Answer): void {
    this.#failure ??= error?.message
    if (result?.usedSize === undefined) return
    this.#most = Math.max(this.#most, (result.usedSize + (result.backingStorageSize ?? 0)) / 1e6)
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

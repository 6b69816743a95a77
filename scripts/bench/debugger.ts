import { once } from 'node:events'

/** Miniflare's name of the Worker that `npm start` serves. */
export const servedIsolate = 'core:user:sluiceway'

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** Milliseconds after which an isolate that does not answer is woken. */
const wakeMs = 2_000

/** Has the runtime do something, so that it enters the isolate of the Worker. */
export type Wake = () => Promise<unknown>

/** A debugger of one isolate of a runtime: https://chromedevtools.github.io/devtools-protocol/tot/ (2026-11-29). */
export class Debugger {
  readonly isolate: string
  readonly #socket: WebSocket
  readonly #wake: Wake
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #calls = 0

  private constructor(isolate: string, socket: WebSocket, wake: Wake) {
    this.isolate = isolate
    this.#socket = socket
    this.#wake = wake
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      if (answer.id === undefined) return
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  /** Opens one for each isolate. @param port where the runtime takes debuggers */
  static async openAll(port: number, wake: Wake): Promise<readonly Debugger[]> {
    const answer = await fetch(`http://127.0.0.1:${port}/json`)
    const targets = (await answer.json()) as readonly { readonly id: string; readonly webSocketDebuggerUrl: string }[]
    return Promise.all(
      targets.map(async ({ id, webSocketDebuggerUrl }) => {
        const socket = new WebSocket(webSocketDebuggerUrl)
        await once(socket, 'open')
        return new Debugger(id, socket, wake)
      }),
    )
  }

  /** Opens one for the Worker that is served. */
  static async open(port: number, wake: Wake): Promise<Debugger> {
    const all = await Debugger.openAll(port, wake)
    for (const one of all) if (one.isolate !== servedIsolate) one.close()
    const found = all.find(({ isolate }) => isolate === servedIsolate)
    if (found === undefined) throw new Error(`no debugger reaches ${servedIsolate}`)
    return found
  }

  /** Calls a method. Rejects with what the isolate says when it refuses. */
  call<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#calls
    this.#socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => {
      // An isolate that has nothing to do may overlook a message until it is entered.
      const waking = setInterval(() => void this.#wake().catch(() => {}), wakeMs)
      this.#waiting.set(id, ({ result, error }) => {
        clearInterval(waking)
        if (error === undefined) resolve(result as T)
        else reject(new Error(`${method}: ${error.message}`))
      })
    })
  }

  close(): void {
    this.#socket.close()
  }
}

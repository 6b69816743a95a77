import { once } from 'node:events'

/** Miniflare's name of the Worker that `npm start` serves. */
export const servedIsolate = 'core:user:sluiceway'

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** A debugger of one isolate of a runtime: https://chromedevtools.github.io/devtools-protocol/tot/ (2026-11-29). */
export class Debugger {
  readonly isolate: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #calls = 0

  private constructor(isolate: string, socket: WebSocket) {
    this.isolate = isolate
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      if (answer.id === undefined) return
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  /** Opens one for each isolate. @param port where the runtime takes debuggers */
  static async openAll(port: number): Promise<readonly Debugger[]> {
    const answer = await fetch(`http://127.0.0.1:${port}/json`)
    const targets = (await answer.json()) as readonly { readonly id: string; readonly webSocketDebuggerUrl: string }[]
    return Promise.all(
      targets.map(async ({ id, webSocketDebuggerUrl }) => {
        const socket = new WebSocket(webSocketDebuggerUrl)
        await once(socket, 'open')
        return new Debugger(id, socket)
      }),
    )
  }

  /** Opens one for the Worker that is served. */
  static async open(port: number): Promise<Debugger> {
    const all = await Debugger.openAll(port)
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
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as T)
        else reject(new Error(`${method}: ${error.message}`))
      })
    })
  }

  close(): void {
    this.#socket.close()
  }
}

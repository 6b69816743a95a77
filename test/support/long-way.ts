import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { once } from 'node:events'

/** A way to a server of the loopback that takes some time. */
export interface LongWay {
  /** That of the server, by this way. */
  readonly url: string
  /**
   * How often the server began to answer what it was sent, on the connection where it did most often: as often somebody waited for
   * the way and back.
   */
  readonly turns: () => number
  readonly stop: () => Promise<void>
}

/**
 * Opens a long way.
 *
 * @param url of the server
 * @param ms that each direction takes
 */
export async function startLongWay(url: string, ms: number): Promise<LongWay> {
  const turns: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
    let isAsked = false
    const at = turns.push(0) - 1
    near.on('data', () => (isAsked = true))
    far.on('data', () => {
      if (isAsked) turns[at] = (turns[at] ?? 0) + 1
      isAsked = false
    })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      // Nothing overtakes what was sent before it, not even the end.
      let last: Promise<unknown> = Promise.resolve()
      const later = (work: () => void) => {
        const due = sleep(ms)
        last = last.then(() => due).then(work)
      }
      from.on('data', (bytes) => later(() => to.write(bytes)))
      from.on('close', () => later(() => to.destroy()))
      from.on('error', () => {})
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const here = new URL(url)
  here.port = String((server.address() as { readonly port: number }).port)
  return {
    url: here.href,
    turns: () => Math.max(0, ...turns),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

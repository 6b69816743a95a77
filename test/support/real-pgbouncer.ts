import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/start/port.ts'
import { until } from './until.ts'

// Debian installs it where not every user looks.
const command = ['pgbouncer', '/usr/sbin/pgbouncer'].find((one) => spawnSync(one, ['--version']).status === 0)
/** Whether PgBouncer is installed: Debian has it as `pgbouncer`. */
export const hasPgBouncer = command !== undefined
if (!hasPgBouncer && process.env['REAL_SERVERS'] === 'required')
  throw new Error('There is no pgbouncer, and REAL_SERVERS is "required"; apt-get install pgbouncer')

/**
 * Starts a real PgBouncer in front of a server, which gives each transaction whatever connection is free.
 * https://www.pgbouncer.org/config.html (checked 2026-11-30)
 *
 * @param server connection string
 * @param connections to the server, for all who are connected
 */
export async function startPgBouncer(
  server: string,
  connections: number,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const to = new URL(server)
  const port = await freePort('127.0.0.1', 0)
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-pgbouncer-'))
  const [settings, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')]
  const name = to.pathname.slice(1)
  await writeFile(users, `"${to.username}" "${to.password}"\n`)
  await writeFile(
    settings,
    `[databases]
${name} = host=${to.hostname} port=${to.port} dbname=${name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${connections}
logfile =
pidfile =
`,
  )
  await chmod(folder, 0o755)
  // It refuses to be root.
  if (command === undefined) throw new Error('there is no pgbouncer')
  const child = spawn(command, [...(process.getuid?.() === 0 ? ['--user=nobody'] : []), '--quiet', settings], {
    stdio: 'ignore',
  })
  const isThere = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  await until('PgBouncer is there', isThere)
  const url = new URL(server)
  url.port = String(port)
  return {
    url: url.href,
    stop: async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

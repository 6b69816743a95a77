import connect from 'postgres'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLongWay } from '../support/long-way.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import type { Workerd } from '../support/workerd.ts'

/** Loads rows over TLS, as a Worker does whose database wants that, and tells what the connection is. */
const worker = {
  contents: `
    import { postgres } from './src/warehouses/postgres.ts'
    import { loadOf } from './test/support/load-of.ts'
    export default {
      async fetch(_, env) {
        const engine = postgres({ url: env.URL_OF_SERVER, schema: 'web' }).open(env, 'web')
        try {
          const columns = { id: 'string', total: 'float', received_at: 'datetime' }
          const rows = Array.from({ length: 5000 }, (_, n) => ({ id: 'order-' + n, total: 129.9, received_at: '2026-11-29T10:00:00.000Z' }))
          for (const table of ['orders', 'refunds', 'carts']) await engine.widen(table, columns)
          const loads = ['orders', 'refunds', 'carts'].map((table) => loadOf({ id: 'load-1', table, columns, rows, merge: 'replace' }))
          await engine.loadTogether(loads)
          const { rows: found } = await engine.query("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM carts) AS n, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls")
          return Response.json(found)
        } catch (thrown) {
          return Response.json(String(thrown))
        } finally {
          await engine.close()
        }
      },
    }`,
  resolveDir: resolve(import.meta.dirname, '../..'),
}

const folder = mkdtempSync(join(tmpdir(), 'sluiceway-tls-'))
const fileOf = (name: string) => join(folder, name)
let server: RealPostgres
const running: Workerd[] = []

/** A certificate for `localhost`, of an authority that the runtime knows. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=localhost',
  )
  writeFileSync(fileOf('names'), 'subjectAltName=DNS:localhost')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'server.crt',
    '-days',
    '2',
    '-extfile',
    'names',
  )
}

beforeAll(async () => {
  makeCertificates()
  server = await startPostgres()
  const sql = connect(server.url, { max: 1 })
  for (const name of ['server.key', 'server.crt']) {
    const lines = readFileSync(fileOf(name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => `('${line}')`)
    // The server's own user writes it where the server looks.
    await sql.unsafe(`COPY (VALUES ${lines.join(', ')}) TO PROGRAM 'umask 077; cat > ${name}'`)
  }
  await sql.unsafe('ALTER SYSTEM SET ssl = on')
  await sql`SELECT pg_reload_conf()`
  await sql.end()
}, 120_000)

afterAll(async () => {
  for (const one of running) await one.stop()
  await server?.stop()
  rmSync(folder, { recursive: true })
})

async function answerOf(change: (url: URL) => void): Promise<unknown> {
  process.env['NODE_EXTRA_CA_CERTS'] = fileOf('ca.pem')
  // It reads the variable when it is loaded.
  const { Workerd: Runtime } = await import('../support/workerd.ts')
  const url = new URL(server.url)
  change(url)
  const bindings = { URL_OF_SERVER: url.href }
  const workerd = await Runtime.start(
    { stdin: worker },
    { name: 'tls-test', compatibilityFlags: ['nodejs_compat'], bindings },
  )
  running.push(workerd)
  return (await workerd.fetch('/')).json()
}

test.each(['require', 'verify-full'])(
  'postgres() loads in workerd over TLS, with sslmode=%s and several connections',
  async (mode) => {
    // To a server that is near there would be one connection.
    const way = await startLongWay(server.url, 5)
    try {
      const answer = await answerOf((url) => {
        url.hostname = 'localhost'
        url.port = new URL(way.url).port
        url.searchParams.set('sslmode', mode)
      })
      expect(answer).toEqual([[10_000, true]])
    } finally {
      await way.stop()
    }
  },
  60_000,
)

test('postgres() says what to look at where the certificate is for another name', async () => {
  expect(await answerOf((url) => url.searchParams.set('sslmode', 'require'))).toMatch(
    /^SluicewayError: PostgreSQL: .*No answer from 127\.0\.0\.1:\d+: check .* that the server runs with TLS and a certificate of a public authority for that name, and/,
  )
}, 60_000)

// ClickHouse's engine (chdb) behind as much of its HTTP interface as a warehouse needs: a statement with its data in the body, or
// in `query` and the data in the body; settings in the URL; users by header; codes of exceptions. Run by clickhouse.ts, as a
// process of its own: the engine takes one data folder a process. https://clickhouse.com/docs/interfaces/http
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { Session } from 'chdb'
import { reasonOf } from '../../src/core/errors.ts'

const [data = '', port = '0', user = 'default', password = ''] = process.argv.slice(2)
/** Parameters that are no settings. */
const notSettings = new Set([
  'query',
  'database',
  'user',
  'password',
  'default_format',
  'query_id',
  'wait_end_of_query',
])
const session = new Session(data)
// Settings are the session's: one statement at a time.
let last: Promise<unknown> = Promise.resolve()
let current: ReadonlyMap<string, string> = new Map()

const server = createServer((request, response) => {
  const turn = last.then(() => answer(request, response))
  last = turn.catch((thrown: unknown) => fail(response, reasonOf(thrown)))
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
// Whoever started it is gone.
process.stdin.on('end', () => process.exit(0)).resume()

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname === '/ping') return void response.end('Ok.\n')
  const given = request.headers
  const as = given['x-clickhouse-user'] ?? url.searchParams.get('user') ?? 'default'
  if (as !== user || (given['x-clickhouse-key'] ?? url.searchParams.get('password') ?? '') !== password)
    return fail(
      response,
      `Code: 516. DB::Exception: ${String(as)}: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)`,
    )
  const body = await bodyOf(request)
  const query = url.searchParams.get('query')
  const sql = query === null ? body : `${query}\n${body}`
  try {
    await set(new Map([...url.searchParams].filter(([name]) => !notSettings.has(name))))
    const result = await session.queryAsync(sql, {
      format: url.searchParams.get('default_format') ?? 'TabSeparated',
    })
    response.setHeader('x-clickhouse-summary', JSON.stringify({ read_rows: String(result.rowsRead) }))
    response.setHeader('content-type', 'text/tab-separated-values; charset=UTF-8')
    response.end(result.bytes())
  } catch (thrown) {
    fail(response, reasonOf(thrown))
  }
}

/** The body as text; the engine itself inflates zstd, as it reads frames that lie one after the other, and Node only the first. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const encoding = request.headers['content-encoding']
  if (encoding === 'gzip') return text(request.pipe(createGunzip()))
  if (encoding !== 'zstd') return text(request)
  const file = join(data, `body-${crypto.randomUUID()}.zst`)
  try {
    await writeFile(file, await buffer(request))
    const inflated = await session.queryAsync(`SELECT * FROM file('${file}', 'RawBLOB', 'body String')`, {
      format: 'RawBLOB',
    })
    return new TextDecoder().decode(inflated.bytes())
  } finally {
    await rm(file, { force: true })
  }
}

/** Gives the session the settings of this statement, and no other. */
async function set(wanted: ReadonlyMap<string, string>): Promise<void> {
  const changes = [...wanted]
    .filter(([name, value]) => current.get(name) !== value)
    .map(([name, value]) => `${name} = '${value.replaceAll(/['\\]/g, String.raw`\$&`)}'`)
  const gone = [...current.keys()].filter((name) => !wanted.has(name)).map((name) => `${name} = DEFAULT`)
  if (changes.length + gone.length === 0) return
  await session.queryAsync(`SET ${[...changes, ...gone].join(', ')}`)
  current = wanted
}

/** Statuses as the server gives them; all others are 500. */
const statuses: Readonly<Record<number, number>> = {
  16: 404,
  27: 400,
  47: 404,
  48: 501,
  60: 404,
  62: 400,
  81: 404,
  516: 403,
}

function fail(response: ServerResponse, reason: string): void {
  const words = reason.replace(/^Query failed: /, '')
  const code = Number(/Code: (\d+)\./.exec(words)?.[1] ?? 1002)
  response.writeHead(statuses[code] ?? 500, {
    'x-clickhouse-exception-code': String(code),
    'content-type': 'text/plain; charset=UTF-8',
  })
  response.end(`${words}\n`)
}

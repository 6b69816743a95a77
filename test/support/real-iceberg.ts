import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { missingPython, pythonPackages } from '../../scripts/servers/python-packages.ts'
import { reasonOf } from '../../src/core/errors.ts'
import type { S3Server } from './s3-server.ts'
import type { Row } from './tables.ts'

const packages = [
  'pyiceberg==0.12.0',
  'pyarrow==26.0.1',
  'sqlalchemy==2.1.9',
  'duckdb==1.5.5',
  'duckdb-extension-avro==1.5.5',
  'duckdb-extension-iceberg==1.5.5',
]
const say = (line: string) => process.stderr.write(`${line}\n`)
const download = () => pythonPackages('iceberg-1', packages, say)

/** Whether PyIceberg and DuckDB's extension are there, or why not: as `missingServer`. */
export async function missingIceberg(): Promise<string | undefined> {
  const missing =
    missingPython() ??
    (await download().then(
      () => undefined,
      (thrown: unknown) => reasonOf(thrown),
    ))
  if (missing === undefined) return undefined
  if (process.env['REAL_SERVERS'] === 'required') throw new Error(`${missing}, and REAL_SERVERS is "required"`)
  say(`SKIPPED: tests against an Iceberg catalog, because ${missing}`)
  return missing
}

/** Objects of the bucket `events` by their keys: what a catalog needs of the store of a test. */
export interface Files {
  readonly get: (key: string) => Promise<Uint8Array | null>
  readonly put: (key: string, bytes: Uint8Array<ArrayBuffer>) => Promise<void>
  readonly delete: (key: string) => Promise<void>
  readonly all: () => Promise<ReadonlyMap<string, Uint8Array>>
}

/** What PyIceberg sees of a table. */
export interface Scan {
  readonly rows: Row[]
  readonly types: Readonly<Record<string, string>>
  readonly files: readonly { readonly path: string; readonly rows: number; readonly bytes: number }[]
  readonly snapshots: readonly { readonly id: string; readonly summary: Readonly<Record<string, string>> }[]
  readonly manifests: readonly { readonly path: string; readonly added: number; readonly existing: number }[]
  readonly properties: Readonly<Record<string, string>>
  readonly location: string
  readonly metadata: string
  readonly spec: readonly string[]
}

/** A catalog of Apache's PyIceberg behind the REST API, with two readers that are not ours. */
export interface IcebergCatalog {
  /** Settings of `iceberg()`. */
  readonly settings: {
    readonly catalog: string
    readonly warehouse: string
    readonly token: string
    readonly allowPrivate: true
  }
  /** Requests to the catalog: `POST /v1/…`, with the status that was answered. */
  readonly requests: string[]
  /**
   * What becomes of a request in place of the truth: `lost` does what was asked and answers 503. What it waits for is done
   * before.
   */
  intercept:
    | ((request: string) => 'lost' | { readonly status: number; readonly body?: unknown } | undefined | Promise<void>)
    | undefined
  readonly scan: (namespace: string, table: string, filter?: string) => Promise<Scan>
  /** The rows that DuckDB's own extension for Iceberg reads; `TABLE` stands for the table. */
  readonly duckdb: (namespace: string, table: string, sql: string) => Promise<Row[]>
  readonly call: (name: 'other' | 'properties' | 'make', body: object) => Promise<void>
  readonly stop: () => Promise<void>
}

/** The store of a test server, as a catalog needs it. */
export const filesIn = ({ stored }: S3Server): Files => {
  const path = (key: string) => {
    const encoded = encodeURIComponent(key).replaceAll('%2F', '/')
    return `/events/${encoded.replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)}`
  }
  return {
    get: async (key) => stored.get(path(key)) ?? null,
    put: async (key, bytes) => void stored.set(path(key), Buffer.from(bytes)),
    delete: async (key) => void stored.delete(path(key)),
    all: async () =>
      new Map(Array.from(stored, ([at, bytes]) => [decodeURIComponent(at).replace('/events/', ''), bytes] as const)),
  }
}

type Handle = (request: {
  readonly method: string
  readonly url: string
  readonly body: Buffer
  readonly headers: Record<string, string>
}) => Promise<{ readonly status: number; readonly body: Uint8Array | string; readonly type?: string }>

async function serve(handle: Handle): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const http = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      handle({ method, url, body: Buffer.concat(chunks), headers: headers as Record<string, string> }).then(
        ({ status, body, type = 'application/json' }) => response.writeHead(status, { 'content-type': type }).end(body),
        (error: unknown) => response.writeHead(500).end(String(error)),
      )
    })
  })
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    stop: async () => {
      http.closeAllConnections()
      await new Promise((closed) => http.close(closed))
    },
  }
}

/** Starts the catalog; its tables are in the bucket `events`, below `__catalog/`. */
export async function startIceberg(files: Files): Promise<IcebergCatalog> {
  const store = await serve(async ({ method, url, body }) => {
    const key = decodeURIComponent(url.slice(1))
    if (method === 'GET') {
      const found = await files.get(key)
      return found === null ? { status: 404, body: '' } : { status: 200, body: found, type: 'application/octet-stream' }
    }
    await (method === 'PUT' ? files.put(key, new Uint8Array(body)) : files.delete(key))
    return { status: 200, body: '' }
  })
  const token = 'token of Ada for the catalog'
  const child = spawn('python3', [join(import.meta.dirname, 'iceberg_catalog.py')], {
    env: { ...process.env, PYTHONPATH: await download(), FILES_URL: store.url, TOKEN: token },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const port = await new Promise<string>((ready, fail) => {
    createInterface(child.stdout).once('line', (line) => ready(line.replace('ready ', '')))
    child.once('exit', (code) => fail(new Error(`the catalog ended with ${code}`)))
  })
  const truth = `http://127.0.0.1:${port}`
  const requests: string[] = []
  const front = await serve(async ({ method, url, body, headers }) => {
    const request = `${method} ${decodeURIComponent(url)}`
    const instead = await catalog.intercept?.(request)
    if (typeof instead === 'object') {
      requests.push(`${request} ${instead.status}`)
      return { status: instead.status, body: JSON.stringify(instead.body ?? {}) }
    }
    const { authorization = '' } = headers
    const answer = await fetch(truth + url, {
      method,
      headers: { authorization },
      ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
    })
    requests.push(`${request} ${answer.status}`)
    if (instead === 'lost') return { status: 503, body: '{}' }
    return { status: answer.status, body: await answer.text() }
  })
  const ask = async (name: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${truth}/test/${name}`, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(await answer.text())
    return answer.json()
  }
  const scan: IcebergCatalog['scan'] = async (namespace, table, filter) =>
    (await ask('scan', { namespace, table, ...(filter === undefined ? {} : { filter }) })) as Scan
  const catalog: IcebergCatalog = {
    settings: { catalog: front.url, warehouse: 'ada_events', token, allowPrivate: true },
    requests,
    intercept: undefined,
    scan,
    duckdb: async (namespace, table, sql) => {
      const { location, metadata } = await scan(namespace, table)
      const root = mkdtempSync(join(tmpdir(), 'sluiceway-iceberg-'))
      try {
        const below = location.replace('s3://events/', '')
        for (const [key, bytes] of await files.all()) {
          if (!key.startsWith(`${below}/`)) continue
          const path = join(root, key.slice(below.length))
          mkdirSync(dirname(path), { recursive: true })
          writeFileSync(path, bytes)
        }
        const version = metadata.slice(metadata.lastIndexOf('/') + 1).replace('.metadata.json', '')
        const from = `iceberg_scan('${root}', allow_moved_paths = true, version = '${version}')`
        return (await ask('duckdb', { sql: sql.replaceAll('TABLE', from) })) as Row[]
      } finally {
        rmSync(root, { recursive: true, force: true })
      }
    },
    call: async (name, body) => void (await ask(name, body)),
    stop: async () => {
      child.removeAllListeners('exit')
      child.kill('SIGKILL')
      await Promise.all([front.stop(), store.stop()])
    },
  }
  return catalog
}

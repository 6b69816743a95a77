// Records what server SDKs send: `node scripts/record/record.ts [client…]` writes test/wire/fixtures/<client>.json.
// For developers, not for CI: it installs the real packages (npm, pip, go, mvn and java must be there) into a temporary
// folder and lets each send the calls of visit.json to a server on the loopback.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Client, clients } from './clients.ts'
import { record } from './recorder.ts'

const writeKey = '2HkeyOfTheShop'
const visit = join(import.meta.dirname, 'visit.json')
const fixtures = resolve(import.meta.dirname, '../../test/wire/fixtures')
const wanted = process.argv.slice(2)

mkdirSync(fixtures, { recursive: true })
const folder = mkdtempSync(join(tmpdir(), 'record-'))
try {
  for (const client of clients) if (wanted.length === 0 || wanted.includes(client.name)) await take(client)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function take(client: Client): Promise<void> {
  const own = join(folder, client.name)
  mkdirSync(own)
  client.install(own)
  const recorder = await record()
  try {
    const [program, ...args] = client.command({ folder: own, url: recorder.url, writeKey, visit })
    await ended(program, args, own)
  } finally {
    await recorder.close()
  }
  const { name, version, more = [] } = client
  const sent = [...(JSON.parse(readFileSync(visit, 'utf8')) as object[]), ...more]
  const fixture = { client: name, package: client.package, version, writeKey, sent, requests: recorder.requests }
  writeFileSync(join(fixtures, `${name}.json`), `${JSON.stringify(fixture, null, 2)}\n`)
  console.log(`${name}: ${sent.length} calls in ${recorder.requests.length} requests`)
}

function ended(program: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with code ${code}`))))
  })
}

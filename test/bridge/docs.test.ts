// docs/bridge.md does what it says: its commands run one after the other, its config is taken, its tables are complete.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../scripts/bridge/config.ts'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { freePort } from '../../scripts/start/port.ts'
import { blocks, codeIn, documentAt, readSource, rowsIn, sectionOf } from '../support/documents.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const page = documentAt('docs/bridge.md')
const own = blocks.filter(({ file }) => file === 'docs/bridge.md')
const configBlock = own.find(({ path }) => path === 'bridge.json')?.text ?? ''

describe.skipIf((await missingServer('kafka')) !== undefined)('the page of the bridge', () => {
  const children: ChildProcess[] = []
  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM')
    await until('all servers have stopped', () => children.every((one) => (one.exitCode ?? one.signalCode) !== null))
  })

  test('the commands of docs/bridge.md start a Kafka and a bridge, and produce and consume', async () => {
    const [kafka = '', bridge = '', ...curls] = own
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => text.trim().split('\n'))
    expect(curls).toHaveLength(3)
    const kafkaPort = await freePort('127.0.0.1', 0)
    const bridgePort = await freePort('127.0.0.1', 0)
    const serve = async (command: string, env: Record<string, string> = {}) => {
      const child = spawn('sh', ['-c', `exec ${command}`], { cwd: root, env: { ...process.env, ...env } })
      children.push(child)
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
      await until(`${command} serves: ${said}`, () => said.includes('127.0.0.1:'), { seconds: 120 })
    }
    const [, ...words] = bridge.split(/ (?=npm)/)
    const env = Object.fromEntries(
      Array.from(bridge.matchAll(/([A-Z_]+)=(\S+)/g), ([, name = '', value = '']) => [name, value]),
    )
    await serve(`${kafka} --kafka-port ${kafkaPort}`)
    await serve(words.join(' '), { ...env, KAFKA_BROKERS: `127.0.0.1:${kafkaPort}`, BRIDGE_PORT: `${bridgePort}` })
    let last = ''
    for (const curl of curls) {
      const command = curl.replace('curl ', 'curl -sS --fail-with-body ').replace(':8082', `:${bridgePort}`)
      last = (await run('sh', ['-c', command])).stdout
    }
    const shown = JSON.parse(
      own.find(({ language, path }) => language === 'json' && path === '')?.text ?? '',
    ) as object[]
    const real = JSON.parse(last) as { partition: number; timestamp: number }[]
    expect(real).toEqual([{ ...shown[0], partition: real[0]?.partition, timestamp: real[0]?.timestamp }])
  }, 240_000)
})

test('the config of docs/bridge.md is taken as it stands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-bridge-docs-'))
  try {
    for (const [, path = ''] of configBlock.matchAll(/"((?:tls|secrets)\/[^"]+)"/g)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), 'text')
    }
    writeFileSync(join(folder, 'bridge.json'), configBlock)
    const config = readConfig(join(folder, 'bridge.json'), { KAFKA_PASSWORD: 'k', EDGE_TOKEN: 'e' })
    expect(config.kafka.sasl).toEqual({ mechanism: 'SCRAM-SHA-512', username: 'bridge', password: 'k' })
    expect(config.tokens[0]).toMatchObject({ name: 'sluiceway', secret: 'e', groups: ['sluiceway-*'] })
    const fields = rowsIn(sectionOf(page, '## Config')).flatMap(([field = '']) => codeIn(field))
    for (const limit of Object.keys(config.limits)) expect(fields).toContain(`limits.${limit}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every call of the bridge is in the table of docs/bridge.md, and no other', () => {
  const [, table = ''] = /const routes: [^=]+= \{\n([^]*?)\n\}/.exec(readSource('scripts/bridge/routes.ts')) ?? []
  const routes = Array.from(table.matchAll(/^ {2}'?([\w-]+)'?: \[/gm), ([, name = '']) => name)
  expect(routes.length).toBeGreaterThan(8)
  const documented = rowsIn(sectionOf(page, '## Calls'))
    .flatMap(([call = '']) => codeIn(call))
    .flatMap((call) => /\/([\w-]+)/.exec(call)?.[1] ?? [])
  expect([...new Set(documented)].toSorted()).toEqual(routes.toSorted())
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Server } from '../support/server.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { startAndFail, startServing, startSaying, type Serving, type Spoken } from '../support/serving.ts'

const configText = (body: string) => `
  import { defineConfig } from 'sluiceway/config'
  import { webhook as hook } from 'sluiceway/sources/webhook'
  import { log } from 'sluiceway/streams/log'
  export default defineConfig((env) => (${body}))
`

let folder: string
const running: (Serving | Spoken)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluiceway-first-hour-'))
})
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
  rmSync(folder, { recursive: true, force: true })
})

const write = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Starts with a config, as a person does, and gives what is printed. */
async function say(body: string, ...args: string[]): Promise<string> {
  const config = write('my.config.ts', configText(body))
  const spoken = await startSaying({ state: join(folder, 'state'), args: ['--config', config, ...args] })
  running.push(spoken)
  return spoken.said
}

/** Runs the command that stands under "Try it", as the shell does. */
function runTrial(said: string): { success?: boolean; accepted?: number } {
  const [, command = ''] = /Try it:\n([\s\S]*?)\n\n/.exec(said) ?? []
  const text = execFileSync('sh', ['-c', `${command.trimEnd()} --silent --noproxy '*'`], { encoding: 'utf8' })
  return JSON.parse(text) as { success?: boolean }
}

const urlsIn = (said: string, name: string): string[] =>
  Array.from(said.matchAll(new RegExp(`^  ${name} +(http\\S+)`, 'gm')), ([, url = '']) => url)

describe('what npm start prints is true', () => {
  test('npm start prints a key, a command and addresses that answer for the config of the repository', async () => {
    const spoken = await startSaying({ state: join(folder, 'state') })
    running.push(spoken)
    expect(runTrial(spoken.said)).toEqual({ success: true, accepted: 1 })
    const [demo = ''] = urlsIn(spoken.said, 'Demo')
    expect((await fetch(demo)).status).toBe(200)
    const [admin = ''] = urlsIn(spoken.said, 'Admin API')
    const [, token] = /^ {2}Admin token +(\S+)$/m.exec(spoken.said) ?? []
    expect((await fetch(`${admin}/lanes`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
  })

  test('npm start prints the key of a config that does not read WRITE_KEY, and how to open the demo and the admin API', async () => {
    const said = await say(
      `{ stream: log(), sources: { shop: { writeKey: env.SHOP_KEY } }, paths: { ingest: '/e' } }`,
      '--var',
      "SHOP_KEY=it'sTheShop",
    )
    expect(runTrial(said)).toEqual({ success: true, accepted: 1 })
    expect(said).toContain("Write key    it'sTheShop\n")
    expect(urlsIn(said, 'Demo')).toEqual([])
    expect(said).toMatch(/Demo +off; .*demo: env\.DEMO === '1'/)
    expect(urlsIn(said, 'Admin API')).toEqual([])
    expect(said).toMatch(/Admin API +off; .*admin: \{ token: env\.ADMIN_TOKEN \}/)
    expect(said).not.toContain('Admin token')
  })

  test('npm start names each source with its key, and shows neither the key of a vendor nor another admin token', async () => {
    const said = await say(
      `{ stream: log(), admin: { token: 'tokenOfGraceHopper' }, sources: {
        crm: { writeKey: 'keyOfTheVendor', webhook: hook() },
        old: { writeKey: 'keyOfTheOldShop', enabled: false },
        shop: { writeKey: 'keyOfTheShop' },
      } }`,
    )
    expect(runTrial(said)).toEqual({ success: true, accepted: 1 })
    expect(said).toContain('Write key    keyOfTheShop, source shop\n')
    expect(said).toContain('Write key    keyOfTheOldShop, source old (disabled in the config)\n')
    expect(said).toMatch(/Webhooks +http\S+\/v1\/webhook\?writeKey=<its write key>, of webhook, source crm\n/)
    expect(said).not.toContain('keyOfTheVendor')
    expect(said).toMatch(/Admin token +the one that the config takes as admin\.token\n/)
    expect(said).not.toContain('tokenOfGraceHopper')
  })

  test('npm start prints no command for a config that takes only webhooks, and says why', async () => {
    const said = await say(`{ stream: log(), sources: { crm: { writeKey: env.WRITE_KEY, webhook: hook() } } }`)
    expect(said).not.toContain('Try it')
    expect(said).toContain('No source takes events of SDKs.')
    const [url = ''] = urlsIn(said, 'Webhooks')
    const call = { method: 'POST', body: '{"event":"Lead Won"}', headers: { 'content-type': 'application/json' } }
    expect((await fetch(url.replace(/,$/, ''), call)).status).toBe(200)
  })

  test('npm start --json has null for a key that is not taken and a demo that is not there', async () => {
    const config = write(
      'my.config.ts',
      configText(`{ stream: log(), sources: { shop: { writeKey: 'keyOfTheShop' } } }`),
    )
    const serving = await startServing({ state: join(folder, 'state'), args: ['--config', config] })
    running.push(serving)
    expect(serving.ready).toMatchObject({ writeKey: 'keyOfTheShop', adminToken: null, demo: null })
  })
})

describe('npm start --env-file', () => {
  const config = () =>
    write('my.config.ts', configText(`{ stream: log(), sources: { shop: { writeKey: env.SHOP_KEY } } }`))

  test('npm start --env-file keeps a secret out of every command line, takes it, and --var wins over it', async () => {
    const file = write('prod.env', 'SHOP_KEY=keyOfAdaLovelace\nWRITE_KEY=unused\n')
    const args = ['--config', config(), '--env-file', file]
    const first = await startServing({ state: join(folder, 'state'), args })
    running.push(first)
    expect(first.ready.writeKey).toBe('keyOfAdaLovelace')
    expect(commandLines().some((line) => line.includes(file))).toBe(true)
    expect(commandLines().filter((line) => line.includes('keyOfAdaLovelace'))).toEqual([])
    expect(first.stderr()).toContain(`Read ${file}: SHOP_KEY, WRITE_KEY\n`)
    expect(first.stderr()).not.toContain('keyOfAdaLovelace')
    await first.stop()
    const second = await startServing({
      state: join(folder, 'state'),
      args: [...args, '--var', 'SHOP_KEY=keyOfGraceHopper'],
    })
    running.push(second)
    expect(second.ready.writeKey).toBe('keyOfGraceHopper')
  })

  test('npm start says in one line that an env file is not there, and exits with 1', async () => {
    const missing = join(folder, 'none.env')
    const { code, stdout, stderr } = await startAndFail({
      state: join(folder, 'state'),
      args: ['--env-file', missing],
    })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(`--env-file ${missing} cannot be read: there is no such file\n`)
  })
})

describe('GET /admin/trace of what never came into the stream', () => {
  const headless =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36'
  const ids = Array.from({ length: 15 }, (_, i) => `visit-${i + 1}`)

  test('a trace tells which transform dropped each of 15 events of a headless browser, after a restart too', async () => {
    const server = await Server.start()
    try {
      const batch = ids.map((messageId) => ({
        type: 'page',
        messageId,
        anonymousId: 'a-browser-without-a-screen',
        context: { userAgent: headless },
      }))
      const answer = await server.post('/v1/batch', { batch })
      expect(await answer.json()).toEqual({ success: true, accepted: 0, dropped: 15 })
      const lanes = [
        {
          target: '@edge',
          partition: 0,
          status: 'dropped',
          reason: 'the transform "drop-bots" of the source "web" dropped it',
          at: expect.any(Number) as number,
          attempts: [],
        },
      ]
      const expectDropped = async () => {
        for (const id of ids)
          await until(`${id} is told of`, async () => {
            const { found } = await server.admin<{ found: boolean }>(`/trace/${id}`)
            return found
          })
        expect(await server.admin(`/trace/${ids[14]}`)).toEqual({
          found: true,
          messageId: ids[14],
          lanes,
          failures: [],
        })
      }
      await expectDropped()
      await sleep(1_500)
      await server.restart()
      await expectDropped()
      expect(await server.admin('/trace/visit-16')).toMatchObject({ found: false })
    } finally {
      await server.stop()
    }
  })
})

describe('a destination of a user on localhost', () => {
  const noted = (more: string) => `
    import { defineConfig } from 'sluiceway/config'
    import { defineDestination } from 'sluiceway/destination'
    import { log } from 'sluiceway/streams/log'
    const notes = defineDestination({
      name: 'notes',
      settings: { url: { type: 'url', about: 'Where notes are taken.' } },
      encode: ({ id, text }) => ({ id, text }),
      request: ([item], { url }) => ({ method: 'POST', url, headers: {}, body: item.text }),
    })
    export default defineConfig((env) => ({
      stream: log(),
      sources: { shop: { writeKey: env.WRITE_KEY } },
      destinations: { notes: { use: notes({ url: env.NOTES_URL${more} }) } },
    }))
  `

  test('a destination of a user on localhost is refused with the option that allows it, and with it gets its events', async () => {
    const sink = await Sink.open()
    try {
      const startWith = (text: string) => ({
        state: join(folder, 'state'),
        args: ['--config', write('notes.config.ts', text), '--var', `NOTES_URL=${sink.url}notes`],
      })
      const refused = await startAndFail(startWith(noted('')))
      expect(refused.stderr).toContain(
        'destinations.notes: "url" must begin with https: (unless "allowPrivate" is true, for tests)',
      )
      const serving = await startServing(startWith(noted(", allowPrivate: env.LOCAL === '1'")))
      running.push(serving)
      const { url, writeKey } = serving.ready
      const answer = await fetch(`${url}/v1/track`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ userId: 'ada', event: 'Order Completed', messageId: 'order-1843' }),
      })
      expect(answer.status).toBe(200)
      await until('the note arrives', () => sink.received.find(({ body }) => body.includes('order-1843')))
    } finally {
      await sink.close()
    }
  })
})

/** The command line of every process of this machine, where that can be read. */
function commandLines(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
    } catch {
      return []
    }
  })
}

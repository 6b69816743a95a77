import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  cleanEnv,
  isAlive,
  readRunning,
  type Ready,
  startAndFail,
  startServing,
  type Serving,
} from '../support/serving.ts'

const root = resolve(import.meta.dirname, '../..')

/** A config that needs nothing. It lies where our public names are found nowhere on the way up. */
const configText = (body: string) => `
  import { defineConfig } from 'sluiceway/config'
  import { log } from 'sluiceway/streams/log'
  export default defineConfig((env) => (${body}))
`

describe('npm start', () => {
  let folder: string
  let state: string
  const servings: Serving[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluiceway-start-'))
    state = join(folder, 'state')
  })
  afterEach(async () => {
    for (const serving of servings.splice(0)) await serving.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const start = async (...args: string[]) => {
    const serving = await startServing({ state, args })
    servings.push(serving)
    return serving
  }
  const track = (ready: Ready, messageId: string) =>
    fetch(`${ready.url}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${ready.writeKey}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messageId, userId: 'ada', event: 'Order Completed', properties: { total: 42 } }),
    })
  const admin = async (ready: Ready, path: string) => {
    const response = await fetch(`${ready.url}/admin${path}`, {
      headers: { authorization: `Bearer ${ready.adminToken}` },
    })
    return { status: response.status, text: await response.text() }
  }
  /** An event is known to the log as long as the lanes know what became of it. */
  const expectKnown = (ready: Ready, messageId: string) =>
    expect
      .poll(() => admin(ready, `/trace/${messageId}`), { timeout: 10_000, interval: 100 })
      .toMatchObject({ status: 200, text: expect.stringContaining('"status":"done"') as string })

  it('npm start prints one line of JSON when it is ready to take events, and nothing else on stdout', async () => {
    const serving = await start()
    const { ready } = serving
    expect(await (await track(ready, 'order-1')).json()).toEqual({ success: true, accepted: 1 })
    expect(ready.demo).toBe(`${ready.url}/demo`)
    expect(new URL(ready.url).hostname).toBe('127.0.0.1')
    expect(ready.pid).toBe(serving.process.pid)
    const { stdout } = await serving.stop()
    expect(stdout).toBe(`${JSON.stringify(ready)}\n`)
  })

  it('npm start serves the browser SDK', async () => {
    const { ready } = await start()
    const sdk = await fetch(`${ready.url}/sdk/rudder-analytics.min.js`)
    expect(sdk.status).toBe(200)
    expect(await sdk.text()).toContain('RudderLabs JavaScript SDK')
  })

  it('npm start keeps its keys, readable by the owner only, and its events for the next start', async () => {
    const first = await start()
    await track(first.ready, 'order-1')
    await first.stop()
    const second = await start()
    expect(second.ready.writeKey).toBe(first.ready.writeKey)
    expect(second.ready.adminToken).toBe(first.ready.adminToken)
    expect(statSync(join(state, 'secrets.json')).mode & 0o777).toBe(0o600)
    await expectKnown(second.ready, 'order-1')
  })

  it('npm start takes keys from --var', async () => {
    const { ready } = await start('--var', 'WRITE_KEY=keyOfAda', '--var', 'ADMIN_TOKEN=tokenOfAdaLovelace')
    expect(ready).toMatchObject({ writeKey: 'keyOfAda', adminToken: 'tokenOfAdaLovelace' })
    expect((await track(ready, 'order-1')).status).toBe(200)
  })

  it('npm start ends within a second of Ctrl-C, with code 0 and no runtime left behind', async () => {
    const serving = await start()
    const before = performance.now()
    const { code } = await serving.stop('SIGINT')
    expect(performance.now() - before).toBeLessThan(1_000)
    expect(code).toBe(0)
    expect(isAlive(serving.ready.workerdPid)).toBe(false)
  })

  it('npm start ends, and its runtime too, when npm itself gets SIGTERM', async () => {
    const npm = spawn('npm', ['start', '--silent', '--', '--json', '--port', '0', '--state', state], {
      cwd: root,
      env: cleanEnv(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(npm.stdout, 'data')) as [Buffer]
    const { pid, workerdPid } = JSON.parse(String(line)) as Ready
    npm.kill('SIGTERM')
    await expect.poll(() => isAlive(pid) || isAlive(workerdPid), { timeout: 2_000 }).toBe(false)
  })

  it('npm start restarts the runtime on the same port and state when it is killed', async () => {
    const { ready } = await start()
    await track(ready, 'order-1')
    process.kill(ready.workerdPid, 'SIGKILL')
    await expect
      .poll(
        () =>
          track(ready, 'order-2').then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 3_000 },
      )
      .toBe(200)
    await expect.poll(() => readRunning(state).workerdPid, { timeout: 1_000 }).not.toBe(ready.workerdPid)
    await expectKnown(ready, 'order-1')
  })

  it('npm start takes over from a start that was killed and left its runtime behind', async () => {
    const first = await start()
    await track(first.ready, 'order-1')
    first.process.kill('SIGKILL')
    await first.ended
    expect(isAlive(first.ready.workerdPid)).toBe(true)
    const second = await start()
    expect(isAlive(first.ready.workerdPid)).toBe(false)
    await expectKnown(second.ready, 'order-1')
  })

  it('npm start runs the scheduled functions by itself', async () => {
    const { ready } = await start('--tick', '0.2')
    await track(ready, 'order-1')
    const loads = () => admin(ready, '/warehouses').then(({ text }) => text)
    await expect.poll(loads, { timeout: 40_000, interval: 200 }).toMatch(/"lastLoad":\{[^}]*"events":[1-9]/)
  })

  describe('says in one line what is wrong and exits with 1, when', () => {
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await startAndFail({ state, args })
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(existsSync(join(state, 'running.json'))).toBe(false)
      return stderr.replaceAll(/^Building .*\n/gm, '')
    }

    it('npm start says in one line that the port is in use, and exits with 1', async () => {
      const other = createServer().listen(0, '127.0.0.1')
      await once(other, 'listening')
      const { port } = other.address() as { port: number }
      try {
        expect(await refused('--port', String(port))).toBe(
          `Port ${port} on 127.0.0.1 is in use; stop what listens there, or give another with --port\n`,
        )
      } finally {
        other.close()
      }
    })

    it('npm start says in one line that the state folder is of a newer version, and exits with 1', async () => {
      mkdirSync(state)
      writeFileSync(join(state, 'state.json'), '{"version":2}')
      expect(await refused()).toBe(
        `${state} was written by a newer Sluiceway (version 2, this one reads 1); update Sluiceway, or give another folder with --state\n`,
      )
    })

    it('npm start says in one line that another start serves the same state folder, and exits with 1', async () => {
      const { ready } = await start()
      const { code, stderr } = await startAndFail({ state })
      expect(code).toBe(1)
      expect(stderr).toBe(
        `${state} is being served by process ${ready.pid} at ${ready.url}; stop it, or give another folder with --state\n`,
      )
      expect((await track(ready, 'order-1')).status).toBe(200)
    })

    it('npm start says in one line that an option is unknown, and exits with 1', async () => {
      expect(await refused('--prot', '9000')).toBe("Unknown option '--prot'; npm start -- --help lists the options\n")
    })

    it('npm start says in one line that there is no such config, and exits with 1', async () => {
      expect(await refused('--config', join(folder, 'none.ts'))).toBe(`There is no config at ${folder}/none.ts\n`)
    })

    it('npm start says each problem of the config in one line, and exits with 1', async () => {
      const config = join(folder, 'problems.config.ts')
      writeFileSync(
        config,
        configText(
          `{ stream: log(), sources: { Web: { writeKey: env.WRITE_KEY }, shop: { writeKey: env.SHOP_KEY } } }`,
        ),
      )
      expect(await refused('--config', config)).toBe(
        [
          'The config has 2 problems:',
          '- sources.Web: a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"',
          '- sources.shop: "writeKey" is missing; set it in the config or as a secret in env',
          'The config asks env for SHOP_KEY, which is not set. Set what you need: for a deployment with "npx wrangler secret put NAME", and the name under [secrets] of wrangler.toml; on this machine in a file of NAME=value lines that "npm start -- --env-file FILE" names, or with "--var NAME=value" where it is no secret.\n',
        ].join('\n'),
      )
    })

    it('npm start says what a config threw while it was loaded, and where, and exits with 1', async () => {
      const config = join(folder, 'throws.config.ts')
      writeFileSync(config, `throw new Error('no orders today')\n${configText('{}')}`)
      expect(await refused('--config', config)).toBe(
        `The Worker does not start: Error: no orders today\n    at ${config}:1:7\n`,
      )
    })

    it('npm start says where a config does not compile, and exits with 1', async () => {
      const config = join(folder, 'typo.config.ts')
      writeFileSync(config, 'export default {')
      const said = await refused('--config', config)
      expect(said).toMatch(/^The Worker does not build:\n/)
      expect(said).toContain('typo.config.ts:1:16')
    })
  })

  it('npm start serves another config when --config names one', async () => {
    const config = join(folder, 'my.config.ts')
    writeFileSync(config, configText(`{ stream: log(), sources: { shop: { writeKey: env.SHOP_KEY } } }`))
    const { ready } = await start('--config', config, '--var', 'SHOP_KEY=keyOfTheShop')
    expect(ready.writeKey).toBe('keyOfTheShop')
    expect((await track(ready, 'order-1')).status).toBe(200)
    expect((await track({ ...ready, writeKey: 'anotherKey' }, 'order-2')).status).toBe(401)
  })

  it('npm start --help tells its options', async () => {
    const { code, stdout } = await startAndFail({ state, args: ['--help'] })
    expect(code).toBe(0)
    for (const flag of ['--port', '--host', '--state', '--config', '--env-file', '--var', '--tick', '--json'])
      expect(stdout).toContain(flag)
  })
})

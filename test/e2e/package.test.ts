import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanEnv, isAlive, type Ready } from '../support/serving.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'

const root = resolve(import.meta.dirname, '../..')
const doc = readFileSync(join(root, 'docs/own-folder.md'), 'utf8')
const commands = [...doc.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, text = '']) => text.trim().split('\n'))
/** The code of the document that has this text. */
const code = (text: string) =>
  [...doc.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, block = '']) => block).find((block) => block.includes(text)) ?? ''

// The same Node for all, and nothing of whoever runs the tests.
const env = { ...cleanEnv(), PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` }
let temporary = ''
let folder = ''
let packed: string[] = []

const run = (command: string) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, env, encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}
const passes = (command: string): string => {
  const { status, said } = run(command)
  expect(status, `${command}:\n${said}`).toBe(0)
  return said
}
const edit = (file: string, before: string, after: string) => {
  const text = readFileSync(join(folder, file), 'utf8')
  expect(text).toContain(before)
  writeFileSync(
    join(folder, file),
    text.replace(before, () => after),
  )
}

/** Stands for `npm install`, which would need the registry: the tarball is unpacked, what it depends on is linked. */
function install(tarball: string, more: readonly string[] = []): void {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'sluiceway'), { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'sluiceway'), '--strip-components=1'])
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  const needed = Object.entries(lock.packages)
    .filter(([path]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path))
    .filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)
    .map(([path]) => path)
  expect(needed).toContain('node_modules/wrangler')
  expect(needed).not.toContain('node_modules/vitest')
  for (const path of [...needed, ...more.map((name) => `node_modules/${name}`)]) {
    // Packages of other systems are in the lock file alone.
    if (!existsSync(join(root, path))) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    symlinkSync(join(root, path), join(folder, path))
  }
  mkdirSync(join(modules, '.bin'))
  symlinkSync('../sluiceway/bin/sluiceway.mjs', join(modules, '.bin/sluiceway'))
  for (const name of ['wrangler', 'tsc'])
    symlinkSync(join(root, 'node_modules/.bin', name), join(modules, '.bin', name))
}

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'sluiceway-package-'))
  folder = join(temporary, 'events')
  mkdirSync(folder)
  execFileSync('npm', ['pack', '--silent', '--pack-destination', temporary], { cwd: root, env, stdio: 'pipe' })
  const [tarball = ''] = globSync('*.tgz', { cwd: temporary })
  packed = execFileSync('tar', ['-tzf', join(temporary, tarball)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''))
  passes('npm init --yes')
  install(join(temporary, tarball), ['typescript', '@types/node', 'undici-types'])
  passes('npx sluiceway init')
  mkdirSync(join(folder, 'destinations'))
  writeFileSync(join(folder, 'destinations/notes.ts'), code('export const notes'))
  writeFileSync(join(folder, 'destinations/notes.test.ts'), code('node:test'))
  edit('wrangler.toml', '"WEBHOOK_SECRET"]', '"WEBHOOK_SECRET", "NOTES_URL"]')
  edit('config.ts', 'import * as cents', "import { notes } from './destinations/notes.ts'\nimport * as cents")
  edit(
    'config.ts',
    '  destinations: {\n',
    '  destinations: {\n    notes: { use: notes({ url: env.NOTES_URL, allowPrivate: true }) },\n',
  )
})
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

test('the package holds what runs in a folder of a user, and nothing else', () => {
  const top = new Set(packed.map((path) => path.split('/')[0]))
  expect([...top].toSorted()).toEqual(
    ['LICENSE', 'README.md', 'bin', 'destinations', 'dist', 'package.json', 'src', 'template', 'transforms'].concat(
      'tsconfig.base.json',
    ),
  )
  expect(packed).toEqual(expect.arrayContaining(['dist/assets/_headers', 'dist/cli/sluiceway.js', 'src/index.ts']))
  expect(
    packed.filter((path) => /^src\/config\.ts|^src\/console\/assets|^dist\/worker|^dist\/assets\/admin/.test(path)),
  ).toEqual([])
  expect(statSync(join(folder, 'node_modules/sluiceway/bin/sluiceway.mjs')).mode & 0o111).toBe(0o111)
})

test('packing leaves alone what is built and has not changed, for somebody may import it just then', () => {
  const built = join(root, 'dist/node/destination.js')
  const before = statSync(built, { bigint: true })
  execFileSync(process.execPath, [join(root, 'scripts/bootstrap.mjs'), 'scripts/pack.ts'], {
    cwd: root,
    env,
    stdio: 'pipe',
  })
  const after = statSync(built, { bigint: true })
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
})

describe('a folder of a user that has the package', () => {
  test('a folder of a user that has the package is what its document says, which has no other commands', () => {
    expect(commands).toEqual([
      'npm pack',
      'npm init --yes',
      'npm install ./sluiceway-0.1.0.tgz',
      'npx sluiceway init',
      'npm start',
      'npm test',
      'npm install --save-dev typescript @types/node',
      'npx wrangler types',
      'npx tsc',
      'npm run deploy',
    ])
    expect(basename(globSync('*.tgz', { cwd: temporary })[0] ?? '')).toBe('sluiceway-0.1.0.tgz')
  })

  test('a folder of a user that has the package stays as it is when it is made a second time', () => {
    const before = readFileSync(join(folder, 'config.ts'), 'utf8')
    expect(passes('npx sluiceway init')).toContain('config.ts is there already; it stays as it is')
    expect(readFileSync(join(folder, '.dev.vars'), 'utf8')).toMatch(/^WRITE_KEY=\w+$/m)
    expect(readFileSync(join(folder, 'config.ts'), 'utf8')).toBe(before)
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      type: 'module',
      scripts: {
        start: 'sluiceway start',
        test: 'sluiceway transforms test --cases && node --test',
        deploy: 'sluiceway check && wrangler deploy',
      },
    })
  })

  test('a folder of a user that has the package tests its transforms and destinations', () => {
    expect(passes('npm test')).toMatch(/pass 3\b/)
    edit('transforms/cents-to-euros.ts', 'cents / 100', 'cents / 10')
    expect(run('npm test').status).not.toBe(0)
    edit('transforms/cents-to-euros.ts', 'cents / 10', 'cents / 100')
  })

  test('a folder of a user that has the package gets a transform in Python, whose cases run', () => {
    expect(passes('npx sluiceway new transform gift-note --python')).toContain("from '#transforms/gift-note'")
    expect(passes('npx sluiceway transforms test gift-note')).toMatch(/^✓ transforms\/gift-note\.test\.json {2}2 cases/)
    edit('config.ts', 'import * as cents', "import * as giftNote from '#transforms/gift-note'\nimport * as cents")
    edit('config.ts', 'transforms: [dropBots', 'transforms: [giftNote.inline, dropBots')
  })

  test('a folder of a user that has the package is checked by the compiler, its config included', () => {
    passes('npx wrangler types')
    passes('npx tsc')
    edit('config.ts', 'transforms: [giftNote', "to: ['tabels'], transforms: [giftNote")
    expect(run('npx tsc').said).toContain('\'"tabels"\' is not assignable')
    edit('config.ts', "to: ['tabels'], ", '')
  })

  test('a folder of a user that has the package can be deployed with plain wrangler', () => {
    const said = passes('npx sluiceway check && npx wrangler deploy --dry-run --outdir dist')
    expect(said).toContain('node_modules/sluiceway/dist/assets')
    expect(said).toContain('env.LANE (Lane)')
    expect(readFileSync(join(folder, 'dist/index.js'), 'utf8')).toContain('cents-to-euros')
    expect(globSync('dist/*micropython.wasm', { cwd: folder })).toHaveLength(1)
    // By which a deployment shows where in the user's files a stack is.
    const positions = readFileSync(join(folder, 'node_modules/sluiceway/dist/assets/admin/positions.json'), 'utf8')
    expect(JSON.parse(positions)).toMatchObject({
      files: expect.arrayContaining(['config.ts', 'transforms/cents-to-euros.ts']) as string[],
    })
  })

  test('a folder of a user that has the package ends a deployment whose config has a mistake', () => {
    edit('config.ts', 'log({ partitions: 1 })', 'log({ partitions: env.NOPE!.length })')
    for (const command of ['npx sluiceway check', 'npx wrangler deploy --dry-run']) {
      const { status, said } = run(command)
      expect({ status, said }).toMatchObject({ status: 1 })
      expect(said).toContain("TypeError: Cannot read properties of undefined (reading 'length')")
      expect(said).toMatch(/ {4}at config\.ts:\d+:\d+\n.*env\.NOPE is not set\./)
    }
    edit('config.ts', 'log({ partitions: env.NOPE!.length })', 'log({ partitions: 1 })')
  })

  test('a folder of a user that has the package is told what its wrangler.toml lacks after an upgrade', () => {
    const file = join(folder, 'wrangler.toml')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace(/\[exports\.Identity\][^[]*/, '').replace('"IDENTITY"', '"IDENTITIES"'))
    for (const command of ['npx sluiceway check', 'npx sluiceway start']) {
      const { status, said } = run(command)
      expect({ status, said }).toEqual({
        status: 1,
        said: [
          'wrangler.toml lacks what this version needs; copy it from node_modules/sluiceway/template/wrangler.toml:',
          '- [[durable_objects.bindings]] IDENTITY = Identity',
          '- [exports.Identity]\n',
        ].join('\n'),
      })
    }
    writeFileSync(file, before)
  })

  test('a folder of a user that has the package cannot import what is not public', () => {
    writeFileSync(join(folder, 'wrong.ts'), "export { assertWithin as default } from 'sluiceway/streams/limits'\n")
    expect(run("npx wrangler deploy --dry-run --alias '#config:./wrong.ts'").said).toContain(
      'Could not resolve "sluiceway/streams/limits"',
    )
    rmSync(join(folder, 'wrong.ts'))
  })
})

describe('npx sluiceway start in a folder of a user', () => {
  let sink: Sink
  let child: ChildProcess
  let ready: Ready
  const start = async (...args: string[]) => {
    const vars = [`NOTES_URL=${sink.url}notes`, `WEBHOOK_URL=${sink.url}hook`, `WEBHOOK_SECRET=${sinkSecret}`]
    child = spawn(
      'npx',
      ['sluiceway', 'start', '--json', '--port', '0', ...vars.flatMap((pair) => ['--var', pair]), ...args],
      { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let stderr = ''
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)))
    ready = await new Promise<Ready>((done, reject) => {
      child.stdout?.once('data', (line) => done(JSON.parse(String(line)) as Ready))
      child.once('close', (code) => reject(new Error(`it ended with ${code}:\n${stderr}`)))
    })
  }
  const order = (messageId: string) =>
    fetch(`${ready.url}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${ready.writeKey}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messageId, userId: 'ada', event: 'Order Completed', properties: { total_cents: 12_990 } }),
    })
  const arrived = (messageId: string) =>
    until(`${messageId} arrives`, () =>
      sink.received.flatMap(({ events }) => events).find((event) => event.messageId === messageId),
    )

  beforeAll(async () => {
    sink = await Sink.open()
    await start()
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await until('it has ended', () => !existsSync(join(folder, '.sluiceway/running.json')) && !isAlive(ready.pid))
  }
  afterAll(async () => {
    // A test that failed may have left it without its npx.
    if (isAlive(ready.pid)) process.kill(ready.pid, 'SIGTERM')
    await stop()
    await sink.close()
  })

  test('npx sluiceway start in a folder of a user delivers an event that its own transform has changed, and to its own destination too', async () => {
    expect(await (await order('order-1843')).json()).toEqual({ success: true, accepted: 1 })
    expect(await arrived('order-1843')).toMatchObject({ event: 'Order Completed', properties: { total: 129.9 } })
    const note = await until('a note arrives', () =>
      sink.received.find(({ body }) => body.startsWith('{"total_cents"')),
    )
    expect(JSON.parse(note.body)).toEqual({ total_cents: 12_990, total: 129.9 })
    expect((await fetch(`${ready.url}/sdk/rudder-analytics.min.js`)).status).toBe(200)
    expect((await fetch(`${ready.url}/demo`)).status).toBe(200)
  })

  test('npx sluiceway start keeps its state in the folder, ends when npx does, and serves what was edited the next time', async () => {
    const { writeKey, pid } = ready
    expect(existsSync(join(folder, '.sluiceway/running.json'))).toBe(true)
    await stop()
    edit('transforms/cents-to-euros.ts', 'cents / 100', 'cents / 1000')
    await start()
    expect([ready.writeKey, ready.pid === pid]).toEqual([writeKey, false])
    await order('order-1844')
    expect(await arrived('order-1844')).toMatchObject({ properties: { total: 12.99 } })
  })

  test('npx sluiceway start serves a config that lies elsewhere', async () => {
    await stop()
    const config = join(temporary, 'elsewhere.ts')
    const text = readFileSync(join(folder, 'config.ts'), 'utf8')
    writeFileSync(config, text.replaceAll("'./", "'./events/").replace('env.WRITE_KEY', "'keyOfElsewhere'"))
    await start('--config', config)
    expect(ready.writeKey).toBe('keyOfElsewhere')
    expect((await order('order-1845')).status).toBe(200)
  })
})

// What a user's code throws shows the user's file and line: in the letter, of everything that users write.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repository } from '../../scripts/build/repository.ts'
import { buildWorker } from '../../scripts/build/worker.ts'
import { Server } from '../support/server.ts'
import { until } from '../support/until.ts'

const root = resolve(import.meta.dirname, '../..')

/** `<file>:<line>` of the line with a comment. */
function placeOf(file: string, comment: string): string {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  return `${file}:${lines.findIndex((line) => line.includes(`// ${comment}`)) + 1}:`
}

const config = 'test/e2e/stacks.config.ts'
const script = 'test/e2e/stacks/throwing.js'

describe('stacks in dead letters', () => {
  let server: Server
  beforeAll(async () => void (server = await Server.start({ config: 'stacks.config.ts' })))
  afterAll(() => server?.stop())

  const thrown = [
    ['Order Completed', 'transform_failed', placeOf(script, 'Broken at the edge.')],
    ['Price Seen', 'transform_failed', placeOf(script, 'Broken in the lane.')],
    ['Cart Viewed', 'encode_failed', placeOf(config, 'Broken in encode.')],
    ['Product Added', 'request_failed', placeOf(config, 'Broken in request.')],
    ['Coupon Used', 'filter_failed', placeOf(config, 'Broken in the filter.')],
  ] as const

  async function letterOf(messageId: string) {
    const path = `/dead-letters?messageId=${messageId}`
    type Letters = { deadLetters: { id: string; code: string; detail?: string }[] }
    const { deadLetters } = await until('there is a letter', async () => {
      const found = await server.admin<Letters>(path)
      return found.deadLetters.length > 0 && found
    })
    return deadLetters[0]
  }

  test.each(thrown)('what is thrown at "%s" is a letter with the code %s that shows %s', async (event, code, place) => {
    const messageId = crypto.randomUUID()
    await server.post('/v1/track', { event, userId: 'ada', messageId, properties: {} })
    const letter = await letterOf(messageId)
    expect(letter).toMatchObject({ code, detail: expect.stringContaining(place) })
    expect(letter?.detail, 'frames of ours below are left out').not.toContain('index.js')
  })

  test('what a helper of a user throws shows the helper and who called it', async () => {
    const messageId = crypto.randomUUID()
    await server.post('/v1/track', { event: 'Price Seen', userId: 'ada', messageId, properties: {} })
    const frames = (await letterOf(messageId))?.detail?.split('\n') ?? []
    expect(frames[0]).toBe('Error: a price has no currency')
    expect(frames.slice(1)).toEqual([
      expect.stringMatching(/^ {4}at priceOf \(test\/e2e\/stacks\/throwing\.js:\d+:43\)$/),
      expect.stringMatching(/^ {4}at .*transformEvent \(test\/e2e\/stacks\/throwing\.js:\d+:\d+\)$/),
      '    in the transform "of-destination"',
    ])
  })

  test('what the mapper of an own webhook source throws shows its file and line', async () => {
    const answer = await fetch(`${server.url}/v1/webhook?writeKey=letters-key`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"reader":{}}',
    })
    expect(answer.status).not.toBe(200)
    const { deadLetters } = await server.admin<{ deadLetters: { code: string; detail: string }[] }>(
      '/dead-letters?target=@edge',
    )
    const letter = deadLetters.find(({ code }) => code === 'source_failed')
    expect(letter?.detail).toContain(placeOf(config, 'Broken in map.'))
  })

  test('the positions of a bundle are told to nobody', async () => {
    expect((await fetch(`${server.url}/admin/positions.json`)).status).toBe(401)
    await expect(server.admin('/positions.json')).rejects.toThrow('answered 404')
  })
})

test('a deployment has its positions among its assets, and they are those of the bundle that is uploaded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-stacks-'))
  try {
    rmSync(join(root, 'dist/assets/admin'), { recursive: true, force: true })
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
    const run = spawnSync(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', folder], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(run.status, run.stderr).toBe(0)
    const build = await buildWorker({ ...repository, say: () => {} })
    expect(readFileSync(join(root, 'dist/assets/admin/positions.json'), 'utf8')).toBe(build.positions)
    expect(JSON.parse(build.positions)).toMatchObject({ files: expect.arrayContaining(['transforms/drop-bots.ts']) })
    expect(readFileSync(join(folder, 'index.js'), 'utf8')).toBe(
      build.modules.find(({ path }) => path.endsWith('index.js'))?.contents,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pack } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { frame, joinFrames } from '../../src/storage/frame.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

const receivedAt = '2026-11-22T10:00:00.000Z'
const order = (n: number, total: unknown = 42): Event =>
  plainOrder(`order-${n}`, { receivedAt, properties: { order_id: `o-${n}`, total } })
const textOf = (events: readonly Event[]) =>
  events.map((event) => pack(headerOf(event.messageId, { to: ['tables'], receivedAt }), event).text).join('')
/** A frame whose length is right and whose content is not. */
const damaged = (events: readonly Event[]) => {
  const bytes = frame(textOf(events))
  bytes.fill(0x41, 4)
  return bytes
}
const key = 'staging/tables/2/100-104'
const file = '2:100-104'

describe('a staging file that was set aside', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 30_000)
  afterEach(() => loader.stop())

  /** Stages bytes, and loads until they are given up. */
  async function setAside(...frames: readonly Uint8Array[]): Promise<void> {
    await loader.stageBytes(key, joinFrames(frames))
    for (let i = 0; i < 5; i++) await loader.load()
    expect((await loader.status()).stuckFiles).toEqual([key])
  }
  const orders = async () => (await loader.query('SELECT id FROM order_completed ORDER BY id')).map(({ id }) => id)

  test('a staging file that was set aside is listed with the reason, and its lines can be read as far as they go', async () => {
    await setAside(frame(textOf([order(1)])), damaged([order(2)]), frame(textOf([order(3)])))
    expect(await loader.unreadable('unreadable')).toMatchObject([
      {
        file,
        key,
        loadedEvents: 0,
        stagedAt: expect.any(Number),
        setAsideAt: expect.any(Number),
        reason: expect.stringMatching(/^The staging file staging\/tables\/2\/100-104 cannot be read: /),
      },
    ])
    const shown = await loader.unreadable('readUnreadable', file, { after: 0, limit: 100 })
    const lines = textOf([order(1), order(3)])
      .trimEnd()
      .split('\n')
    expect(shown).toMatchObject({
      value: {
        lines: lines.map((text, i) => ({ number: i + 1, text })),
        allLines: 4,
        problems: [expect.stringMatching(/^bytes \d+ to \d+: /)],
        truncated: false,
      },
    })
    expect(await loader.unreadable('readUnreadable', file, { after: 1, limit: 2 })).toMatchObject({
      value: { lines: [{ number: 2 }, { number: 3 }], truncated: true },
    })
    expect(await loader.unreadable('readUnreadable', '2:1-2', { after: 0, limit: 1 })).toEqual({
      code: 'not_found',
      refused: 'The warehouse "tables" has set aside no file "2:1-2".',
    })
  })

  test('a staging file that was set aside is mended and loaded, each event once, and what it was is kept', async () => {
    await loader.stage('staging/tables/2/104-105', [order(5)])
    await setAside(frame(textOf([order(1)])), damaged([order(2)]), frame(textOf([order(3)])))
    expect(await orders()).toEqual(['order-5'])
    const text = textOf([order(1), order(2), order(3)])
    expect(await loader.unreadable('mendUnreadable', file, text)).toEqual({
      value: { events: 3, readableBefore: 2, original: `${key}.unreadable` },
    })
    expect(await loader.load()).toMatchObject({ files: 0 })
    expect(await loader.unreadable('reloadUnreadable', file)).toEqual({ value: null })
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, events: 3 })
    expect(await orders()).toEqual(['order-1', 'order-2', 'order-3', 'order-5'])
    expect((await loader.status()).stuckFiles).toEqual([])
    expect(await loader.objects()).toEqual([`${key}.unreadable`])
  })

  test('a staging file that was set aside in the middle goes on behind what is loaded, and keeps it', async () => {
    const first = Array.from({ length: 5_001 }, (_, i) => order(i, i === 7 ? 'much' : 42))
    await setAside(frame(textOf(first)), damaged([order(6_000)]))
    expect(await loader.unreadable('unreadable')).toMatchObject([{ loadedEvents: 5_000 }])
    const mended = [...first, order(6_000)]
    expect(await loader.unreadable('mendUnreadable', file, textOf(mended.slice(1)))).toEqual({
      code: 'conflict',
      refused: 'The first 5000 events are in the warehouse already: keep them as they are, in their order.',
    })
    await loader.unreadable('mendUnreadable', file, textOf(mended))
    await loader.unreadable('reloadUnreadable', file)
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, events: 2 })
    expect(await loader.query('SELECT count(*) AS n FROM order_completed')).toEqual([{ n: 5_002 }])
    expect(await loader.query('SELECT row_id FROM rudder_discards')).toEqual([{ row_id: 'order-7' }])
  }, 60_000)

  test.each([
    ['', 'The body has no lines; to give the file up, DELETE it.'],
    ['{}\n', 'An event has two lines, its header and itself: the number of lines is odd.'],
    ['{}\n{}\n', 'Line 1 is no header of an event.'],
    [`${textOf([order(1)])}${textOf([order(2)]).replace(/\n.*\n$/, '\n[]\n')}`, 'Line 4 is no JSON object.'],
  ])('a staging file that was set aside stays as it is when the mended one is %j', async (text, refused) => {
    await setAside(damaged([order(1)]))
    expect(await loader.unreadable('mendUnreadable', file, text)).toEqual({ code: 'bad_request', refused })
    expect(await loader.unreadable('readUnreadable', file, { after: 0, limit: 9 })).toMatchObject({
      value: { allLines: 0 },
    })
    expect(await loader.objects()).toEqual([key])
  })

  test.each([
    ['it ends early, between two frames', frame(textOf([order(1)])), 1_000],
    ['all of it is zeros', new Uint8Array(1_000), 1_000],
    ['nothing of it is there', new Uint8Array(), 1_000],
  ])('a staging file that was set aside is not taken for one that is loaded when %s', async (_, found, bytes) => {
    await loader.put(key, found)
    await loader.register({ key, partition: 2, events: 2, bytes })
    for (let i = 0; i < 5; i++) await loader.load()
    expect(await loader.status()).toMatchObject({
      state: 'failing',
      stuckFiles: [key],
      reason: 'files that could not be read were set aside: 1. GET /admin/warehouses/:name/unreadable lists them',
    })
    expect(await loader.objects()).toEqual([key])
    expect(await loader.unreadable('mendUnreadable', file, textOf([order(1), order(2)]))).toMatchObject({
      value: { events: 2 },
    })
    await loader.unreadable('reloadUnreadable', file)
    await loader.load({ now: true })
    expect(await orders()).toEqual(['order-1', 'order-2'])
  })

  test('a staging file that was set aside is an error in the log, once', async () => {
    await setAside(damaged([order(1)]))
    await loader.load()
    const lines = (await loader.logged()).filter(({ message }) => /set aside/.test(String(message)))
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'error',
        message: 'a staging file cannot be read and was set aside',
        key,
        reason: expect.stringMatching(/cannot be read: /),
      }),
    ])
  })

  test('a staging file that was set aside with a hole of zeros has no lines there, and one problem', async () => {
    const [first, last] = [frame(textOf([order(1)])), frame(textOf([order(2)]))]
    await setAside(first, new Uint8Array(4_000_000), last)
    expect(await loader.unreadable('readUnreadable', file, { after: 0, limit: 100 })).toMatchObject({
      value: { allLines: 4, problems: [`bytes ${first.length} to ${first.length + 4_000_000}: all are zero`] },
    })
  })

  test('a staging file that was set aside with very many problems tells some of them, and how many there are', async () => {
    await setAside(frame('no header\n\n'.repeat(3_000)))
    const { value } = (await loader.unreadable('readUnreadable', file, { after: 0, limit: 1 })) as {
      value: { problems: string[] }
    }
    expect([value.problems.length, value.problems.at(-1)]).toEqual([1_001, '2000 more'])
  })

  test('a staging file that was set aside is discarded when somebody says so, and the log has it', async () => {
    await setAside(frame(textOf([order(1)])), damaged([order(2)]))
    await loader.logged()
    expect(await loader.unreadable('discardUnreadable', file)).toMatchObject({ value: { key } })
    expect(await loader.logged()).toMatchObject([
      { level: 'warn', message: 'a staging file is discarded', warehouse: 'tables', key },
    ])
    await loader.load({ now: true })
    expect(await loader.objects()).toEqual([])
    expect(await loader.status()).toMatchObject({ state: 'idle', stuckFiles: [] })
  })
})

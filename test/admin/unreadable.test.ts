import { describe, expect, test } from 'vitest'
import type { UnreadableFileStatus } from '../../src/core/unreadable.ts'
import { fakeAdmin } from './fake-admin.ts'

const file: UnreadableFileStatus = {
  file: '0:100-102',
  key: 'staging/tables/0/100-102',
  partition: 0,
  events: 2,
  bytes: 180,
  stagedAt: 1_000,
  setAsideAt: 2_000,
  loadedEvents: 0,
  reason: 'The staging file staging/tables/0/100-102 cannot be read: it is not there',
}
const path = `/warehouses/tables/unreadable/${file.file}`

describe('the calls about files that were set aside', () => {
  test('the calls about files that were set aside list them', async () => {
    const { body } = await fakeAdmin({ unreadable: { unreadable: async () => [file] } }).call(
      '/warehouses/tables/unreadable',
    )
    expect(body).toEqual({ files: [file] })
  })

  test('the calls about files that were set aside show lines, as many as are asked for', async () => {
    const asked: object[] = []
    const lines = [{ number: 3, text: '{"id":"order-1843"}' }]
    const admin = fakeAdmin({
      unreadable: {
        readUnreadable: async (_name, _file, range) => {
          asked.push(range)
          return { value: { ...file, lines, allLines: 4, problems: [], truncated: true } }
        },
      },
    })
    expect((await admin.call(`${path}?after=2&limit=1`)).body).toMatchObject({ lines, allLines: 4, truncated: true })
    await admin.call(path)
    expect(asked).toEqual([
      { after: 2, limit: 1 },
      { after: 0, limit: 100 },
    ])
  })

  test('the calls about files that were set aside take a mended one, and note who sent it', async () => {
    const texts: string[] = []
    const admin = fakeAdmin({
      unreadable: {
        mendUnreadable: async (_name, _file, text) => {
          texts.push(text)
          return { value: { events: 2, readableBefore: 1, original: `${file.key}.unreadable` } }
        },
      },
    })
    const text = '{"id":"order-1843"}\n{"type":"track"}\n'
    const { status, body } = await admin.call(path, { method: 'PUT', body: text })
    expect([status, body.events, texts]).toEqual([200, 2, [text]])
    expect((await admin.call('/actions')).body.actions).toMatchObject([
      { action: `PUT /admin${path}`, status: 200, about: expect.stringContaining('"events":2') },
    ])
  })

  test('the calls about files that were set aside refuse a body of more than 16,000,000 bytes', async () => {
    const { status, body } = await fakeAdmin().call(path, { method: 'PUT', body: 'x'.repeat(16_000_001) })
    expect([status, body.code]).toEqual([413, 'body_too_large'])
  })

  test.each([
    ['br', 415, 'unsupported_encoding'],
    ['gzip', 400, 'body_unreadable'],
  ])(
    'the calls about files that were set aside say what is wrong with a body in %s',
    async (encoding, status, code) => {
      const headers = { 'content-encoding': encoding }
      expect(await fakeAdmin().call(path, { method: 'PUT', body: 'plain', headers })).toMatchObject({
        status,
        body: { code },
      })
    },
  )

  test('the calls about files that were set aside load one again, and say what became of it', async () => {
    const again: string[] = []
    const admin = fakeAdmin({
      unreadable: { reloadUnreadable: async (_name, name) => (again.push(name), { value: null }) },
    })
    const { body } = await admin.post(`${path}/load`)
    expect([again, body]).toEqual([
      [file.file],
      { success: true, report: { files: 2, events: 40, rows: 80, discards: 0 } },
    ])
  })

  test('the calls about files that were set aside give one up, and note who did it and what was in it', async () => {
    const admin = fakeAdmin({ unreadable: { discardUnreadable: async () => ({ value: file }) } })
    expect((await admin.call(path, { method: 'DELETE' })).body).toEqual({ success: true, discarded: file })
    expect((await admin.call('/actions')).body.actions).toMatchObject([
      { by: 'admin', action: `DELETE /admin${path}`, about: '{"events":2,"loadedEvents":0}' },
    ])
  })

  test('the calls about files that were set aside tell what the loader refuses, with its code', async () => {
    const refused = { code: 'not_found' as const, refused: 'The warehouse "tables" has set aside no file "0:100-102".' }
    const admin = fakeAdmin({ unreadable: { readUnreadable: async () => refused } })
    expect(await admin.call(path)).toMatchObject({ status: 404, body: { code: 'not_found', message: refused.refused } })
    expect((await admin.call('/warehouses/webhook/unreadable')).status).toBe(404)
  })
})

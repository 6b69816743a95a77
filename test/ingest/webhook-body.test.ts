import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { webhook } from '../../src/sources/webhook.ts'
import { adjust } from '../../src/sources/adjust.ts'
import { call } from '../support/call.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'

const path = `/v1/webhook?writeKey=${writeKey}`

async function send(raw: string | Uint8Array, type: string) {
  const edge = fakeEdge({ source: { webhook: webhook({}) } })
  const answer = await call(edge, path, { key: null, raw: raw as string, headers: { 'content-type': type } })
  return { edge, answer, properties: edge.events().map(({ properties }) => properties) }
}

const latin = (text: string) => Buffer.from(text, 'latin1')
const form = 'application/x-www-form-urlencoded'

describe('a form in the charset that it names', () => {
  test.each([
    [`${form}; charset=ISO-8859-1`, 'name=Zo%EB&city=M%FCnchen', { name: 'Zoë', city: 'München' }],
    [`${form}; charset=windows-1252`, 'price=%80+49&note=%93fine%94', { price: '€ 49', note: '“fine”' }],
    [`${form};charset="us-ascii"`, 'name=Ada+Lovelace', { name: 'Ada Lovelace' }],
    [`${form}; charset=UTF-8`, 'name=Zo%C3%AB&%C3%A9tat=ok', { name: 'Zoë', état: 'ok' }],
    [`${form}; charset=shift_jis`, 'name=%83G%83C%83_', { name: 'エイダ' }],
    [`${form}; charset=iso-8859-2`, 'name=%A3ukasz', { name: 'Łukasz' }],
    [form, 'name=Zo%EB&city=M%C3%BCnchen', { name: 'Zoë', city: 'München' }],
    [form, 'a=1&a=2&b&=empty&c=%zz%4', { a: ['1', '2'], b: '', '': 'empty', c: '%zz%4' }],
    [`${form}; charset=iso-8859-1`, latin('name=Zoë'), { name: 'Zoë' }],
  ])('a form is read in the charset that it names: %s: %s', async (type, raw, properties) => {
    const sent = await send(raw, type)
    expect([sent.answer.status, sent.properties, sent.edge.deadLetters]).toEqual([200, [properties], []])
  })

  test('in parts is read by that charset as well', async () => {
    const raw = latin('--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nZoë\r\n--x--\r\n')
    const { properties } = await send(raw, 'multipart/form-data; boundary=x; charset=iso-8859-1')
    expect(properties).toEqual([{ name: 'Zoë' }])
  })

  test('a form in the charset that it names has no field that changes a prototype', async () => {
    const { properties } = await send('__proto__=1&order=1843', `${form}; charset=iso-8859-1`)
    expect(properties).toEqual([{ order: '1843' }])
  })
})

describe('JSON', () => {
  test('in Latin-1 is read as such, whether it says so or not', async () => {
    for (const type of ['application/json; charset=iso-8859-1', 'application/json'])
      expect((await send(latin('{"name":"Zoë"}'), type)).properties).toEqual([{ name: 'Zoë' }])
  })

  test('in UTF-8 of which one letter is broken loses that letter only', async () => {
    const raw = Buffer.concat([Buffer.from('{"city":"München 👍","cut":"Zo'), Buffer.from([0xeb]), Buffer.from('"}')])
    expect((await send(raw, 'application/json')).properties).toEqual([{ city: 'München 👍', cut: 'Zoë' }])
  })

  test('JSON keeps the digits of ids that no number can hold', async () => {
    const { properties } = await send(
      '{"id":7615917337495251231,"ids":[820982911946154508],"total":1e400}',
      'text/plain',
    )
    expect(properties).toEqual([{ id: '7615917337495251231', ids: ['820982911946154508'], total: '1e400' }])
  })
})

describe('what cannot be read', () => {
  test.each([
    ['multipart/form-data', 'order=1843', 'error during parsing multiform'],
    ['multipart/form-data; boundary=x', 'order=1843', 'error during parsing multiform'],
    [`${form}; charset=klingon`, 'order=1843', 'error during parsing form: the charset "klingon" is not known'],
    ['application/json; charset=klingon', '{"order":1843}', 'the charset "klingon" is not known'],
    ['application/xml', '<order>1843</order>', 'Malformed JSON in request body'],
    ['application/x-ndjson', '{"order":1843}\n{"order":1844}', 'Malformed JSON in request body'],
  ])('under %s is kept as a dead letter: %s', async (type, raw, reason) => {
    const { edge, answer } = await send(raw, type)
    expect([answer.status, answer.json()]).toMatchObject([400, { code: 'source_failed' }])
    expect(edge.deadLetters).toMatchObject([
      { code: 'source_failed', reason: expect.stringContaining(reason) as string },
    ])
    const kept = JSON.parse(edge.deadLetters[0]?.event ?? '') as Record<string, unknown>
    expect(kept['body']).toBe(raw)
  })

  test.each([
    ['gzip', 'failed to read body from request'],
    ['br', 'content encoding is not supported; send gzip or none'],
  ])('what cannot be read because it is packed as %s is kept packed', async (encoding, reason) => {
    const edge = fakeEdge({ source: { webhook: webhook({}) } })
    const packed = gzipSync('{"order":1843}')
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    const answer = await call(edge, path, { key: null, raw: packed.subarray(0, -9), headers })
    expect([answer.status, answer.json()]).toMatchObject([400, { code: 'source_failed', message: reason }])
    expect(edge.deadLetters).toMatchObject([{ reason }])
    const { body } = JSON.parse(edge.deadLetters[0]?.event ?? '') as { body: string }
    expect(body.length).toBe(packed.length - 9)
    const whole = await call(edge, path, {
      key: null,
      raw: packed,
      headers: { ...headers, 'content-encoding': 'gzip' },
    })
    expect([whole.status, edge.events().length]).toEqual([200, 1])
  })

  test('what cannot be read is kept letter by letter, even if it is no UTF-8', async () => {
    const { edge } = await send(latin('<name>Zoë</name>'), 'application/xml')
    expect(edge.deadLetters[0]?.event).toContain('<name>Zoë</name>')
  })

  test('what cannot be read is no fault where all that counts is in the URL', async () => {
    const edge = fakeEdge({ source: { webhook: adjust({}) } })
    const url = `${path}&activity_kind=install&adid=3a5ec4a3`
    const headers = { 'content-type': 'multipart/form-data' }
    expect((await call(edge, url, { key: null, raw: 'x', headers })).status).toBe(200)
    expect(edge.events()).toMatchObject([{ event: 'install', anonymousId: '3a5ec4a3' }])
  })
})

test(
  'a form of 4 MB of percent signs is read in a time that grows with its length only',
  { timeout: 120_000 },
  async () => {
    const cpuOf = async (times: number): Promise<number> => {
      const start = process.cpuUsage()
      await send('%E9%'.repeat(times), `${form}; charset=iso-8859-1`)
      await send('%E9&'.repeat(times), form)
      const { user, system } = process.cpuUsage(start)
      return user + system
    }
    // What is loaded at the first call counts for neither.
    await cpuOf(1_000)
    const short = await cpuOf(250_000)
    // Four times the length; a time that grows with its square would be sixteen times as long.
    expect(await cpuOf(1_000_000)).toBeLessThan(short * 10)
  },
)

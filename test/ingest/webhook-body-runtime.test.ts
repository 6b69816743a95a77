import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workerd } from '../support/workerd.ts'

const worker = `
import { webhookBodyOf } from './webhook-body.ts'
export default {
  async fetch(request) {
    const type = request.headers.get('x-type') ?? ''
    const bytes = Uint8Array.from(atob(await request.text()), (letter) => letter.charCodeAt(0))
    return Response.json(await webhookBodyOf(bytes, type))
  },
}`

let workerd: Workerd

beforeAll(async () => {
  const resolveDir = resolve(import.meta.dirname, '../../src/ingest')
  const stdin = { contents: worker, resolveDir, loader: 'ts' } as const
  workerd = await Workerd.start({ stdin }, { name: 'bodies', compatibilityFlags: ['nodejs_compat'] })
}, 60_000)

afterAll(() => workerd.stop())

const form = 'application/x-www-form-urlencoded'
const part = '--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nZo\u00eb\r\n--x--\r\n'

test.each([
  [`${form}; charset=ISO-8859-1`, 'name=Zo%EB', { body: { name: 'Zoë' } }],
  [`${form}; charset=windows-1252`, 'price=%80+49&note=%93fine%94', { body: { price: '€ 49', note: '“fine”' } }],
  [`${form}; charset=us-ascii`, 'name=Ada', { body: { name: 'Ada' } }],
  [`${form}; charset=shift_jis`, 'name=%83G%83C%83_', { body: { name: 'エイダ' } }],
  [`${form}; charset=iso-8859-2`, 'name=%A3ukasz', { body: { name: 'Łukasz' } }],
  [form, 'name=Zo%EB&city=M%C3%BCnchen', { body: { name: 'Zoë', city: 'München' } }],
  ['multipart/form-data; boundary=x; charset=iso-8859-1', part, { body: { name: 'Zoë' } }],
  ['multipart/form-data; boundary=y', part, { unreadable: 'error during parsing multiform' }],
  [
    `${form}; charset=klingon`,
    'a=1',
    { unreadable: 'error during parsing form: the charset "klingon" is not known; send UTF-8' },
  ],
  [
    'application/json',
    '{"id":7615917337495251231,"name":"Zo\u00eb"}',
    { body: { id: '7615917337495251231', name: 'Zoë' } },
  ],
])('in workerd, %s is read as in Node: %s', async (type, letters, expected) => {
  const body = Buffer.from(letters, 'latin1').toString('base64')
  const answer = await workerd.fetch('/', { method: 'POST', headers: { 'x-type': type }, body })
  expect(await answer.json()).toEqual(expected)
})

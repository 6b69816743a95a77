import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apicurio, FakeRegistry } from '../support/fake-registry.ts'
import { Workerd } from '../support/workerd.ts'

const schema =
  '{"type":"record","name":"Order","fields":[{"name":"total","type":"double"},{"name":"note","type":["null","string"],"default":null}]}'

describe('Avro in workerd, where no code may be made of text', () => {
  const fake = new FakeRegistry(apicurio)
  let server: Server
  let workerd: Workerd
  let url = ''

  beforeAll(async () => {
    fake.answer('POST', '/apis/ccompat/v7/subjects/orders-value/versions', JSON.stringify({ schema }))
    server = createServer((request, response) => {
      const path = request.url ?? ''
      fake.requests.push({ method: request.method ?? '', path, authorization: null, body: '' })
      if (path.includes('moved')) return void response.writeHead(302, { location: `${url}/subjects` }).end()
      const answer = fake.answer(request.method ?? '', path, '')
      void answer
        .text()
        .then((text) => response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/apis/ccompat/v7`
    workerd = await Workerd.start({ entryPoints: [join(import.meta.dirname, 'avro-worker.ts')] }, { name: 'avro' })
  }, 60_000)
  afterAll(async () => {
    await workerd?.stop()
    server?.close()
  })

  const send = async (event: object, registry = url) => {
    const query = new URLSearchParams({ registry })
    const response = await workerd.fetch(`/?${query.toString()}`, {
      method: 'POST',
      body: JSON.stringify({ type: 'track', messageId: 'order-1843', ...event }),
    })
    return (await response.json()) as Record<string, unknown>
  }

  test('an event is encoded in workerd with a schema that came while it served, and is read with another one', async () => {
    const { value, read } = await send({ total: 1.5, note: 'für Ada 🚚' })
    const note = Buffer.from('für Ada 🚚')
    const length = (2 * note.length).toString(16).padStart(2, '0')
    const hex = Buffer.from(String(value), 'base64').toString('hex')
    expect(hex).toBe(`0000000001000000000000f83f02${length}${note.toString('hex')}`)
    expect(read).toEqual({ total: 1.5, seen: 'in workerd' })
    await send({ total: 2 })
    expect(fake.requests.map(({ path }) => path.replace('/apis/ccompat/v7', ''))).toEqual([
      '/subjects/orders-value/versions/latest',
    ])
  })

  test('an event that does not fit is dead in workerd with its field, and a registry that is gone lets it wait', async () => {
    expect(await send({ total: '12,50' })).toEqual({
      kind: 'dead',
      reason: 'does not fit its schema: total: expected double, got "12,50" (schema /fields/0/type)',
    })
    expect(await send({ total: 1 }, 'http://127.0.0.1:1/gone')).toMatchObject({ kind: 'retry' })
  })

  test('a registry that leads elsewhere is not followed in workerd', async () => {
    expect(await send({ total: 1 }, `${url}/moved`)).toMatchObject({
      kind: 'pause',
      reason: expect.stringContaining('302') as string,
    })
  })
})

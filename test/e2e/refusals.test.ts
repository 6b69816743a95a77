import { afterAll, beforeAll, expect, test } from 'vitest'
import { Server } from '../support/server.ts'

let server: Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server?.stop())

const send = (path: string, { megabytes, headers }: { megabytes: number; headers: Record<string, string> }) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${server.writeKey}:`)}`, ...headers },
    body: new Uint8Array(megabytes * 1_000_000).fill(32),
  })

test.each<[number, string, string, Record<string, string>, number]>([
  [6, 'are more than the limit', '/v1/batch', {}, 413],
  [3, 'are packed with Brotli', '/v1/batch', { 'content-encoding': 'br' }, 415],
  [6, 'go to a path that there is not', '/v1/charge', {}, 404],
  [6, 'go where only GET is taken', '/sourceConfig', {}, 405],
])(
  'a client that writes %d MB reads why they are refused when they %s',
  async (megabytes, _why, path, headers, status) => {
    // The connection closed under some of the clients, not under all.
    for (let i = 0; i < 10; i++) {
      const answer = await send(path, { megabytes, headers })
      expect([answer.status, await answer.json()]).toMatchObject([status, { success: false }])
    }
  },
)

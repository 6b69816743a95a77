import { expect, test } from 'vitest'
import { demoPort } from '../../src/console/demo-port.ts'
import { realPort } from '../../src/platform/real-port.ts'

test('only requests to demo.localhost go to the Worker itself; all others go out', async () => {
  const went: string[] = []
  const to = (where: string) => (request: Request) => {
    went.push(`${where} ${request.url}`)
    return Promise.resolve(new Response())
  }
  const send = (url: string, init: RequestInit) => to('out')(new Request(url, init))
  const port = demoPort({ ...realPort, fetch: to('out'), send }, { fetch: to('self') })
  const urls = ['http://demo.localhost/demo/sink', 'https://crm.ada.dev/', 'http://demo.localhost.ada.dev/']
  for (const url of urls) await port.fetch(new Request(url))
  for (const url of urls) await port.send?.(url, { method: 'POST' })
  const ways = [
    'self http://demo.localhost/demo/sink',
    'out https://crm.ada.dev/',
    'out http://demo.localhost.ada.dev/',
  ]
  expect(went).toEqual([...ways, ...ways])
})

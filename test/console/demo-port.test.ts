import { expect, test } from 'vitest'
import { demoPort } from '../../src/console/demo-port.ts'
import { realPort } from '../../src/platform/real-port.ts'

test('only requests to demo.localhost go to the Worker itself; all others go out', async () => {
  const went: string[] = []
  const to = (where: string) => (request: Request) => {
    went.push(`${where} ${request.url}`)
    return Promise.resolve(new Response())
  }
  const port = demoPort({ ...realPort, fetch: to('out') }, { fetch: to('self') })
  for (const url of ['http://demo.localhost/demo/sink', 'https://crm.ada.dev/', 'http://demo.localhost.ada.dev/'])
    await port.fetch(new Request(url))
  expect(went).toEqual([
    'self http://demo.localhost/demo/sink',
    'out https://crm.ada.dev/',
    'out http://demo.localhost.ada.dev/',
  ])
})

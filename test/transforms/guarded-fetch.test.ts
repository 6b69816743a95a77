import { expect, test } from 'vitest'
import { fetchProblem, guardedFetch } from '../../src/transforms/guarded-fetch.ts'

const rules = (hosts: readonly string[], allowPrivate = false) => ({ hosts, allowPrivate })

test.each([
  'http://localhost/',
  'http://localhost./',
  'http://127.0.0.1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://0/',
  'http://10.0.0.1/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://100.64.0.1/',
  'http://[::1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://[fd00::1]/',
  'http://[fe80::1]/',
  'http://metadata.google.internal/',
  'http://printer.local/',
  'http://intranet/',
  'ftp://api.example.com/',
  'file:///etc/passwd',
])('a transform that may ask every host may not ask %s', (url) => {
  expect(fetchProblem(new URL(url), rules(['*']))).toEqual(expect.any(String))
})

test.each([
  ['https://api.shop.com/', ['api.shop.com'], true],
  ['https://eu.api.shop.com/', ['*.shop.com'], true],
  ['https://shop.com/', ['*.shop.com'], false],
  ['https://evil-shop.com/', ['*.shop.com', 'shop.com'], false],
  ['https://api.shop.com.evil.com/', ['api.shop.com'], false],
  ['https://api.shop.com@evil.com/', ['api.shop.com'], false],
  ['https://API.SHOP.COM/', ['api.shop.com'], true],
  ['https://api.shop.com/', ['API.Shop.com'], true],
  ['https://eu.api.shop.com/', ['*.Shop.com'], true],
  ['https://api.shop.com/', [], false],
])('%s is asked only where its host is named: %j', (url, hosts, isAllowed) => {
  expect(fetchProblem(new URL(url), rules(hosts)) === undefined).toBe(isAllowed)
})

/** A network that answers by URL: with the address of a redirect, or with text. */
function network(redirects: Readonly<Record<string, string>>, status = 302) {
  const asked: { url: string; method: string; headers: Record<string, string>; body: string }[] = []
  const send = async (request: Request): Promise<Response> => {
    const { url, method, headers } = request
    asked.push({ url, method, headers: Object.fromEntries(headers), body: await request.text() })
    const location = redirects[url]
    return location === undefined ? new Response('here') : new Response(null, { status, headers: { location } })
  }
  return { asked, send }
}

test.each([
  ['http://169.254.169.254/latest', '169.254.169.254 is link-local'],
  ['http://localhost:8787/admin', 'localhost is a local name'],
  ['//10.0.0.1/', '10.0.0.1 is a private network'],
  ['ftp://files.shop.com/', 'invalid protocol'],
])('a redirect to %s is not followed', async (location, problem) => {
  const { asked, send } = network({ 'https://api.shop.com/': location })
  await expect(guardedFetch(new Request('https://api.shop.com/'), rules(['*']), send)).rejects.toThrow(problem)
  expect(asked.map(({ url }) => url)).toEqual(['https://api.shop.com/'])
})

test('a redirect to a host that is not named is not followed, one to a host that is named is, without what is secret', async () => {
  const { asked, send } = network({
    'https://api.shop.com/': 'https://eu.shop.com/',
    'https://eu.shop.com/': 'https://evil.com/',
  })
  const headers = { authorization: 'Bearer k-1', cookie: 'session=1', 'proxy-authorization': 'k-2', 'x-plan': 'pro' }
  const request = new Request('https://api.shop.com/', { headers })
  await expect(guardedFetch(request, rules(['api.shop.com', 'eu.shop.com']), send)).rejects.toThrow(
    'evil.com is not among the hosts',
  )
  expect(asked.map((one) => [one.url, one.headers])).toEqual([
    ['https://api.shop.com/', headers],
    ['https://eu.shop.com/', { 'x-plan': 'pro' }],
  ])
})

test('what is secret stays with redirects of the same origin; a body goes along where the status says so', async () => {
  const to = { 'https://api.shop.com/a': '/b' }
  const ask = async (status: number) => {
    const { asked, send } = network(to, status)
    const init = { method: 'POST', body: 'order', headers: { authorization: 'Bearer k-1' } }
    await guardedFetch(new Request('https://api.shop.com/a', init), rules(['*']), send)
    const { url, method, body, headers } = asked[1] ?? {}
    return [url, method, body, headers?.['authorization']]
  }
  expect(await ask(302)).toEqual(['https://api.shop.com/b', 'GET', '', 'Bearer k-1'])
  expect(await ask(307)).toEqual(['https://api.shop.com/b', 'POST', 'order', 'Bearer k-1'])
})

test('redirects without end are given up', async () => {
  const { asked, send } = network({ 'https://api.shop.com/': 'https://api.shop.com/' })
  await expect(guardedFetch(new Request('https://api.shop.com/'), rules(['*']), send)).rejects.toThrow(
    'more than 20 redirects',
  )
  expect(asked).toHaveLength(21)
})

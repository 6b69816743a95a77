import { describe, expect, test } from 'vitest'
import { notFoundResponse } from '../../src/ingest/responses.ts'
import { sourceConfig } from '../../src/ingest/source-config.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'

const { context } = fakeEdge()
const origin = 'https://shop.example'
const ask = (url: string, init: RequestInit = {}) =>
  sourceConfig.fetch(new Request(`https://edge.example${url}`, init), context)
const authorization = `Basic ${btoa(`${writeKey}:`)}`

describe('sourceConfig', () => {
  test.each([
    ['/sourceConfig/?p=npm&v=3.34.1&build=modern', { authorization }],
    ['/sourceConfig', { authorization }],
    [`/sourceConfig/?writeKey=${writeKey}`, {}],
  ])('the sourceConfig at %s has what the browser SDK insists on', async (url, headers) => {
    const answer = await ask(url, { headers: { origin, ...headers } as HeadersInit })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin])
    expect(await answer.json()).toMatchObject({
      source: {
        id: 'shop',
        writeKey,
        enabled: true,
        config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
        workspaceId: expect.any(String),
        updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        destinations: [],
        connections: [],
        dataplanes: {},
      },
    })
  })

  test.each([
    ['/sourceConfig', 401, 'write_key_missing'],
    ['/sourceConfig/?writeKey=wrong', 401, 'write_key_invalid'],
  ])('the sourceConfig for %s is answered with %i', async (url, status, code) => {
    const answer = await ask(url, { headers: { origin } })
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ success: false, code })])
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
  })

  test('a disabled source is told so, so that its SDKs stop', async () => {
    const answer = await ask('/sourceConfig/?writeKey=closedKey', { headers: { origin } })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ source: { id: 'closed', enabled: false, destinations: [] } })
  })

  test('the sourceConfig is no answer for the key of another source', async () => {
    const answer = await ask('/sourceConfig', { headers: { authorization } })
    expect(answer.headers.get('cache-control')).toBe('private, no-cache')
  })

  test('HEAD of the sourceConfig has no body, POST is a 405, OPTIONS is a preflight', async () => {
    const head = await ask('/sourceConfig', { method: 'HEAD', headers: { authorization } })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await ask('/sourceConfig', { method: 'POST' })).status).toBe(405)
    expect((await ask('/sourceConfig/', { method: 'OPTIONS', headers: { origin } })).status).toBe(204)
  })
})

test('a path that does not exist is answered with a JSON error that a page may read', async () => {
  const answer = notFoundResponse(new Request('https://edge.example/v1/tracks', { headers: { origin } }))
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([404, origin])
  expect(await answer.json()).toEqual({ success: false, code: 'not_found', message: 'There is nothing at /v1/tracks.' })
})

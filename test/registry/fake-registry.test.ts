// The fake registry is held to what a real one answered: `fixtures/apicurio-3.0.9.jsonl` has 49 calls of Apicurio Registry 3.0.9.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { apicurio, FakeRegistry } from '../support/fake-registry.ts'

interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown }
  readonly response: { readonly status: number; readonly body?: string }
}

const recorded = readFileSync(resolve(import.meta.dirname, 'fixtures/apicurio-3.0.9.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Exchange)
  // Other interfaces of the same server.
  .filter(({ request }) => request.path.startsWith('/apis/ccompat/v7/'))

test('the fake registry answers every recorded call as Apicurio 3.0.9 did, apart from the words of its errors', async () => {
  const fake = new FakeRegistry(apicurio)
  /** Ids have gaps that depend on what else the server did: each recorded one must be one of ours, always the same. */
  const ours = new Map<unknown, unknown>()
  const withIds = (body: unknown): unknown => {
    if (typeof body !== 'object' || body === null || !('id' in body)) return body
    return { ...body, id: ours.get(body.id) }
  }
  expect(recorded.length).toBeGreaterThan(40)
  for (const [i, { request, response }] of recorded.entries()) {
    const path = request.path.replace(/\/ids\/(\d+)/, (all, id) => `/ids/${String(ours.get(Number(id)) ?? 999)}`)
    const answer = fake.answer(request.method, path, request.body === undefined ? '' : JSON.stringify(request.body))
    const text = await answer.text()
    const call = `${i}: ${request.method} ${request.path}`
    expect([call, answer.status]).toEqual([call, response.status])
    const [found, wanted] = [text, response.body ?? ''].map((one) =>
      one === '' ? undefined : (JSON.parse(one) as Record<string, unknown>),
    )
    if (response.status >= 400) expect([call, found?.['error_code']]).toEqual([call, wanted?.['error_code']])
    else {
      if (wanted !== undefined && 'id' in wanted && !ours.has(wanted['id'])) {
        expect([...ours.values()]).not.toContain(found?.['id'])
        ours.set(wanted['id'], found?.['id'])
      }
      expect([call, found]).toEqual([call, withIds(wanted)])
    }
  }
})

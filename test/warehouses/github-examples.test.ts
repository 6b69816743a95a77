import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { github } from '../../src/sources/github.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'

interface Webhook {
  readonly name: string
  readonly examples: readonly object[]
}

// Read, not imported: its types stand in a package that nothing else needs.
const path = createRequire(import.meta.url).resolve('@octokit/webhooks-examples')
const webhooks = JSON.parse(readFileSync(path, 'utf8')) as readonly Webhook[]
const tools = {
  now: () => Date.parse('2026-11-22T10:00:00.000Z'),
  uuid: () => 'uuid',
  memory: { get: async () => null, set: async () => {} },
}

/** The events of all examples, as the edge would accept them. */
async function examples(): Promise<Event[]> {
  const events: Event[] = []
  for (const { name, examples } of webhooks)
    for (const body of examples) {
      const headers = { 'x-github-event': name, 'x-github-delivery': `delivery-${events.length}` }
      const bytes = new TextEncoder().encode(JSON.stringify(body))
      const call = { method: 'POST' as const, url: '/v1/webhook', proto: 'HTTP/2', headers, query: {}, bytes, body }
      const drafts = await github({}).map(call, tools)
      if (Array.isArray(drafts)) events.push(...(JSON.parse(JSON.stringify(drafts)) as Event[]))
    }
  return events
}

describe.each(realWarehouses)('the warehouse %s', (_, start) => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse.stop())

  test('a warehouse takes every example of GitHub, the widest pull request too', async () => {
    const loads = new StagedLoads(warehouse)
    const events = await examples()
    expect(events.length).toBeGreaterThan(250)
    await loads.stage(events)
    for (let runs = 1; !(await loads.load()).done; runs++) expect(runs).toBeLessThan(20)
    expect(loads.letters).toEqual([])
    const tracks = new Set(await warehouse.ids('tracks'))
    expect(events.filter(({ messageId }) => !tracks.has(messageId))).toEqual([])
    const stored = new Set<string>()
    for (const table of await warehouse.tables())
      if (table !== 'tracks' && !/^(?:rudder_discards|_sluiceway_.*)$/.test(table))
        for (const id of await warehouse.ids(table)) stored.add(id)
    expect(events.filter(({ messageId }) => !stored.has(messageId))).toEqual([])
    const [pull] = await warehouse.rows('pull_request_opened')
    expect(pull).toMatchObject({ pull_request_head_ref: expect.any(String), action: 'opened' })
  }, 120_000)
})

// The real schema registry that other tests judge by.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RegistryServer, startRegistry } from '../../scripts/servers/registry.ts'

const order = JSON.stringify({
  type: 'record',
  name: 'OrderCompleted',
  fields: [{ name: 'order_id', type: 'string' }],
})

describe.skipIf((await missingServer('registry')) !== undefined)('a real registry', () => {
  let registry: RegistryServer
  beforeAll(async () => {
    registry = await startRegistry()
  }, 180_000)
  afterAll(() => registry?.stop())

  test('the real registry gives a schema an id, and finds it by the id', async () => {
    const registered = await fetch(`${registry.url}/subjects/orders-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: order }),
    })
    const { id } = (await registered.json()) as { id: number }
    expect(id).toBeGreaterThan(0)
    const found = (await (await fetch(`${registry.url}/schemas/ids/${id}`)).json()) as { schema: string }
    expect(JSON.parse(found.schema)).toEqual(JSON.parse(order))
  })
})

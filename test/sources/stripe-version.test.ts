import { expect, test } from 'vitest'
import { stripe } from '../../src/sources/stripe.ts'
import { mapEvent } from '../../src/warehouses/mapping/map-event.ts'

const tools = { now: () => 0, uuid: () => 'uuid', memory: { get: async () => null, set: async () => {} } }

test.each(['2024-06-20', '2025-04-30.basil', '2026-10-28.preview'])(
  "Stripe's API version %s goes into a column of text, whichever comes first",
  async (api_version) => {
    const body = { id: 'evt_1', type: 'invoice.paid', api_version, data: { object: { id: 'in_1' } } }
    const call = {
      method: 'POST',
      url: '/v1/webhook',
      proto: 'HTTP/2',
      headers: {},
      query: {},
      bytes: new Uint8Array(0),
    }
    const mapped = await stripe({}).map({ ...call, method: 'POST', body }, tools)
    if ('reply' in mapped) throw new Error('an event of Stripe is no challenge')
    const options = { provider: 'postgres', uuid: tools.uuid, now: () => '2026-11-22T10:00:00.000Z' } as const
    const row = mapEvent({ ...mapped[0] }, options).find(({ table }) => table === 'invoice_paid')
    expect(row?.columns['api_version']).toBe('string')
    expect(row?.data['api_version']).toContain(api_version)
  },
)

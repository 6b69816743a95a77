import { expect, test } from 'vitest'
import { testTransform } from '../../src/transforms/test-transform.ts'
import { splitOrder } from '../../transforms/split-order.ts'

const centsToEuros = {
  name: 'cents-to-euros',
  transformEvent: (event: { properties?: Record<string, unknown>; event?: string }) => {
    if (event.event === 'Debug Ping') return null
    const total = event.properties?.['total_cents']
    if (typeof total === 'string') throw new Error(`total_cents is text: ${total}`)
    event.properties = { ...event.properties, total: Number(total) / 100 }
    return event as never
  },
}

test('testTransform tells what came out of several events, which were dropped, and which threw', async () => {
  const events = [
    { event: 'Order Completed', userId: 'ada', properties: { total_cents: 12_990 } },
    { event: 'Debug Ping', userId: 'grace' },
    { event: 'Order Completed', userId: 'alan', properties: { total_cents: '129.90' } },
  ]
  const { events: out, dropped, errors } = await testTransform(centsToEuros, events)
  expect(out).toEqual([
    { ...events[0], type: 'track', messageId: 'test-1', properties: { total_cents: 12_990, total: 129.9 } },
  ])
  expect(dropped).toEqual([{ type: 'track', messageId: 'test-2', event: 'Debug Ping', userId: 'grace' }])
  expect(errors.map(({ event, message }) => [event.userId, message])).toEqual([['alan', 'total_cents is text: 129.90']])
  expect(errors[0]?.stack).toContain('test-transform.test.ts')
  // The test's own stay as they are.
  expect(events[0]?.properties).toEqual({ total_cents: 12_990 })
})

test('testTransform gives what is no JSON, and ids that are lost, the outcome of a deployment', async () => {
  const { events } = await testTransform(
    {
      transformEvent: ({ messageId: _, ...event }) =>
        ({ ...event, properties: { at: new Date(0), none: undefined } }) as never,
    },
    { event: 'Order Completed', userId: 'ada' },
  )
  expect(events).toEqual([
    {
      type: 'track',
      messageId: 'test-1',
      event: 'Order Completed',
      userId: 'ada',
      properties: { at: '1970-01-01T00:00:00.000Z' },
    },
  ])
})

test('testTransform tells the metadata that the test names', async () => {
  const { events } = await testTransform(
    { transformEvent: (event, metadata) => ({ ...event, source: metadata(event).sourceName }) },
    { event: 'Order Completed', userId: 'ada' },
    { metadata: { sourceName: 'shop' } },
  )
  expect(events[0]?.['source']).toBe('shop')
})

test('testTransform refuses what is no transform, and one whose settings are wrong', async () => {
  await expect(testTransform({} as never, {})).rejects.toThrow('exports neither transformEvent nor transformBatch')
  const both = { transformEvent: () => null, transformBatch: () => [] }
  await expect(testTransform(both, {})).rejects.toThrow('exports both transformEvent and transformBatch')
  await expect(testTransform(splitOrder({ line: '' }), {})).rejects.toThrow('split-order: "line" is missing')
})

import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'

const event = (): Event => ({ type: 'track', event: 'Order Completed', messageId: 'm-1', userId: 'ada' })
const run = (...transforms: Transform[]) =>
  runTransforms(transforms, [event()], () => ({ messageId: 'm-1', sourceName: 'shop' }) as never)

const hostile = '{"a":1,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1},"team":"Ferrari"}}'

const writes: Transform = {
  name: 'writes',
  transformEvent: (given) => ({ ...given, properties: { list: [JSON.parse(hostile)], ...JSON.parse(hostile) } }),
}
const toJson: Transform = {
  name: 'hides',
  transformEvent: (given) => ({ ...given, properties: { toJSON: () => JSON.parse(hostile) } as never }),
}

/** A careless deep merge, as many libraries had it. */
function merge(target: Record<string, unknown>, from: Record<string, unknown>): Record<string, unknown> {
  for (const key of Object.keys(from)) {
    const value = from[key]
    const own = target[key]
    if (typeof value !== 'object' || value === null) target[key] = value
    else merge((own ?? (target[key] = {})) as Record<string, unknown>, value as Record<string, unknown>)
  }
  return target
}
const merges: Transform = {
  name: 'merges',
  transformEvent: (given) => ({ ...given, properties: merge({}, given.properties ?? {}) }),
}

test.each([
  ['in its result', writes],
  ['in what its result says of itself as JSON', toJson],
])('keys that reach into prototypes do not leave a transform, %s', async (_where, first) => {
  const alone = await run(first)
  expect(alone.events[0]?.text).not.toMatch(/__proto__|polluted/)
  expect(JSON.stringify(alone.events[0]?.event)).toBe(alone.events[0]?.text)
  expect(alone.events[0]?.event.properties).toMatchObject({ a: 1, constructor: { team: 'Ferrari' } })

  const both = await run(first, merges)
  try {
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(both.events[0]?.event.properties).toMatchObject({ a: 1 })
  } finally {
    delete (Object.prototype as unknown as Record<string, unknown>)['polluted']
    delete (Object as unknown as Record<string, unknown>)['team']
  }
})

test('a text that only speaks of __proto__ stays', async () => {
  const note = 'never write "__proto__" or "constructor"'
  const says: Transform = { transformEvent: (given) => ({ ...given, properties: { note, constructor: 'Ferrari' } }) }
  const { events } = await run(says)
  expect(events[0]?.event.properties).toEqual({ note, constructor: 'Ferrari' })
})

test('an event of which a transform makes 100,000 levels fails alone', async () => {
  const deep: Transform = {
    transformEvent(given) {
      const properties = JSON.parse(`${'{"__proto__":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as never
      return { ...given, properties }
    },
  }
  const { events, failed } = await run(deep)
  expect([events.length, failed.length]).toEqual([0, 1])
})

import { assert, constantFrom, dictionary, jsonValue, property } from 'fast-check'
import { applyPatch, type Operation } from 'rfc6902'
import { describe, expect, test } from 'vitest'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { acceptEvents } from '../../src/edge/accept.ts'
import { unpack } from '../../src/core/envelope.ts'
import type { Source } from '../../src/core/resolved-config.ts'
import type { Event } from '../../src/core/event.ts'
import { reversePatch } from '../../src/edge/reverse-patch.ts'

type Json = Record<string, unknown>

/** The library that applies patches leaves a member of this name out of what it adds. */
const withoutPrototypes = (name: string, value: unknown) => (name === '__proto__' ? undefined : value)

test('a reverse patch makes of an event again what it was, whatever was done to it', () => {
  const object = dictionary(
    constantFrom('a', 'b', 'c/d', 'e~f', ''),
    jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value, withoutPrototypes)) as unknown),
    { noNullPrototype: true },
  )
  assert(
    property(object, object, (before, after) => {
      const patch = reversePatch(before, after)
      // Longer than it may be.
      if (patch === undefined) return
      const again = structuredClone(after)
      expect(applyPatch(again, structuredClone(patch) as Operation[]).every((error) => error === null)).toBe(true)
      expect(again).toEqual(before)
    }),
    { numRuns: 500 },
  )
})

test('a reverse patch has only what is not the same, and there is none where that is too much', () => {
  expect(reversePatch({ a: 1, b: { c: 2, d: [1] } }, { a: 1, b: { c: 3, d: [1, 2] }, e: 4 })).toEqual([
    { op: 'replace', path: '/b/c', value: 2 },
    { op: 'replace', path: '/b/d', value: [1] },
    { op: 'remove', path: '/e' },
  ])
  expect(reversePatch({ a: 1 }, { a: 1 })).toEqual([])
  expect(reversePatch({ a: 'x'.repeat(5_000) }, { a: 1 })).toBeUndefined()
})

describe('what an event was before its transforms', () => {
  const label = {
    name: 'label',
    transformEvent: (event: Event) => ({ ...event, properties: { ...event.properties, label: 'shop' } }),
  }
  const send = async (trace: object, event: Json = orderCompleted()) => {
    const { context, appends } = fakeEdge({ source: { transforms: [label] }, resolved: { trace } })
    const source = context.resolved.sources.get('shop') as Source
    await acceptEvents({ source, events: [event], facts: {} }, context)
    return appends.flat().flatMap(({ text }) => unpack(text).map(({ header }) => header.before))
  }

  test('what an event was before its transforms is kept where the config asks for it, and else not', async () => {
    expect(await send({ transforms: 1 })).toEqual([[{ op: 'remove', path: '/properties/label' }]])
    expect(await send({ transforms: 0 })).toEqual([undefined])
    expect(await send({})).toEqual([undefined])
  })
})

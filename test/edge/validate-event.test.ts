import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { eventSchema, validateShape } from '../../src/edge/validate-event.ts'

const values = ['text', '', 7, true, null, undefined, {}, [], [1], { a: 1 }]
const fields = ['type', 'anonymousId', 'userId', 'groupId', 'previousId', 'context', 'traits', 'properties']

describe('the quick check and the schema', () => {
  test.each(fields)('the quick check and the schema agree about %s', (field) => {
    for (const value of values) {
      const event = { type: 'track', [field]: value }
      expect([value, validateShape(event) === undefined]).toEqual([value, v.is(eventSchema, event)])
    }
  })

  test.each([
    [{}, 'type is missing'],
    [{ type: '' }, 'type must not be empty'],
    [{ type: 7 }, 'type must be text'],
    [{ type: 'track', userId: {} }, 'userId must be text, a number or a boolean'],
    [{ type: 'track', context: [] }, 'context must be an object'],
  ])('the quick check refuses %j: %s', (event, reason) => {
    expect(validateShape(event)).toEqual({ code: 'invalid_event', reason })
  })

  test('null counts as absent to the quick check and the schema, as Python SDKs mean it', () => {
    const event = { type: 'track', anonymousId: null, context: null, traits: null, properties: null }
    expect(validateShape(event)).toBeUndefined()
  })
})

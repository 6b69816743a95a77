import { describe, expect, test } from 'vitest'
import { fakeAdmin } from './fake-admin.ts'

const letters = {
  'webhook:0': [
    {
      event: {
        type: 'track',
        event: 'Order Completed',
        messageId: 'order-1',
        userId: 'ada',
        properties: { total: '42', items: ['tea', 'milk'] },
      },
    },
  ],
}
const patch = async (operations: unknown) => {
  const admin = fakeAdmin({ letters })
  const answer = await admin.call('/dead-letters/webhook:0:1', { method: 'PATCH', body: JSON.stringify(operations) })
  return { ...answer, letter: admin.lane('webhook:0').letters[0] }
}

describe('a JSON Patch', () => {
  test('a JSON Patch changes parts of the event of a letter, and leaves the others', async () => {
    const { status, body } = await patch([
      { op: 'test', path: '/properties/total', value: '42' },
      { op: 'replace', path: '/properties/total', value: 42 },
      { op: 'add', path: '/properties/items/-', value: 'bread' },
      { op: 'remove', path: '/properties/items/0' },
      { op: 'copy', from: '/userId', path: '/anonymousId' },
      { op: 'add', path: '/properties/a~1b', value: null },
    ])
    expect(status).toBe(200)
    expect(body.deadLetter).toMatchObject({
      edited: true,
      event: {
        messageId: 'order-1',
        userId: 'ada',
        anonymousId: 'ada',
        properties: { total: 42, items: ['milk', 'bread'], 'a/b': null },
      },
    })
  })

  test.each([
    [{ op: 'add' }, 400, /^must be a JSON Patch/],
    [[], 400, /^must have an operation$/],
    [[{ op: 'set', path: '/userId', value: 1 }], 400, /^0\.op: must be an operation of a JSON Patch/],
    [[{ op: 'replace', path: 'userId', value: 1 }], 400, /^0\.path: must be a JSON Pointer/],
    [[{ op: 'replace', path: '/userId' }], 400, /^0\.value: is missing$/],
    [[{ op: 'replace', path: '/nobody', value: 1 }], 400, /^operation 0 \(replace \/nobody\): there is no "nobody"$/],
    [[{ op: 'remove', path: '/properties/items/2' }], 400, /^operation 0 .*: "2" is no index of the list there$/],
    [[{ op: 'remove', path: '/properties/items/-' }], 400, /"-" is no index/],
    [[{ op: 'add', path: '/properties/items/01', value: 1 }], 400, /"01" is no index/],
    [[{ op: 'test', path: '/properties/total', value: 43 }], 400, /: the value there is another$/],
    [[{ op: 'move', from: '/properties', path: '/properties/own' }], 400, /cannot be moved into itself/],
    [[{ op: 'replace', path: '/messageId', value: 'order-2' }], 400, /must stay "order-1"/],
    [[{ op: 'replace', path: '', value: 'nothing' }], 400, /^The patch leaves no event/],
    [[{ op: 'add', path: '/__proto__/admin', value: true }], 400, /must not name what all objects share/],
    [[{ op: 'add', path: '/constructor/prototype/admin', value: true }], 400, /must not name/],
    [[{ op: 'copy', from: '/__proto__', path: '/properties/x' }], 400, /must not name/],
    [Array.from({ length: 400 }, (_, i) => ({ op: 'copy', from: '', path: `/copy${i}` })), 413, /becomes too large/],
  ])(
    'a JSON Patch that cannot be applied (%#) changes nothing, and the answer says why',
    async (operations, status, message) => {
      const refused = await patch(operations)
      expect([refused.status, refused.body.message]).toEqual([status, expect.stringMatching(message)])
      expect(refused.letter).toMatchObject({ edited: false, event: letters['webhook:0'][0]?.event })
      expect(({} as { admin?: boolean }).admin).toBe(undefined)
    },
  )
})

test('the causes of all lanes are one list: those of the partitions of a target are added up', async () => {
  const of = (cause: string, more: object = {}) => ({ cause, reason: `reason of ${cause}`, ...more })
  const admin = fakeAdmin({
    partitions: 2,
    letters: {
      'webhook:0': [of('a'), of('a'), of('b')],
      'webhook:1': [of('a', { at: 5 })],
      'tables:0': [of('a')],
    },
  })
  const { body } = await admin.call('/dead-letters/causes')
  expect(body.causes.map(({ target, cause, count }: Record<string, unknown>) => [target, cause, count])).toEqual([
    ['webhook', 'a', 3],
    ['webhook', 'b', 1],
    ['tables', 'a', 1],
  ])
  expect(body.causes[0]).toMatchObject({ first: 5, message: 'reason of a' })
  const tables = await admin.call('/dead-letters/causes?target=tables&stage=load')
  expect(tables.body.causes).toHaveLength(1)
})

import { describe, expect, test } from 'vitest'
import { fakeAdmin, now, type Given } from './fake-admin.ts'
import { storedOrder } from './sample-log.ts'

const ids = (body: { deadLetters: { id: string }[] }): string[] => body.deadLetters.map(({ id }) => id)

const spread: Given = {
  partitions: 2,
  letters: {
    '@edge:0': [{ at: now + 3 }, { at: now + 6, stage: 'transform', messageId: 'exploded' }],
    'webhook:0': [{ at: now + 1 }, { at: now + 5 }],
    'webhook:1': [{ at: now + 2 }],
    'tables:1': [{ at: now + 4 }],
  },
}

describe('the list of dead letters', () => {
  test('the list of dead letters has those of all lanes and of the edge, newest first', async () => {
    const { body } = await fakeAdmin(spread).call('/dead-letters')
    expect(ids(body)).toEqual(['@edge:0:2', 'webhook:0:2', 'tables:1:1', '@edge:0:1', 'webhook:1:1', 'webhook:0:1'])
    expect(body.cursor).toBeUndefined()
    expect(body.deadLetters[1]).toMatchObject({ stage: 'delivery', reason: 'HTTP 400', source: 'shop', edited: false })
  })

  test('the list of dead letters comes in pages that follow each other without a gap, also when letters come in between', async () => {
    const admin = fakeAdmin(spread)
    const listed: string[] = []
    let cursor = ''
    for (let page = 0; page < 3; page++) {
      const { body } = await admin.call(`/dead-letters?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      listed.push(...ids(body))
      cursor = body.cursor ?? ''
      const [newest] = admin.lane('webhook:0').letters.slice(-1)
      if (newest !== undefined && page === 0)
        admin.lane('webhook:0').letters.push({ ...newest, id: 'webhook:0:3', at: now + 9 })
    }
    expect(listed).toEqual(['@edge:0:2', 'webhook:0:2', 'tables:1:1', '@edge:0:1', 'webhook:1:1', 'webhook:0:1'])
    expect(cursor).toBe('')
  })

  test('the list of dead letters asks a lane for pages of bounded size, and for more than one when it is needed', async () => {
    const admin = fakeAdmin({ letters: { 'webhook:0': Array.from({ length: 250 }, () => ({})) } })
    const { body } = await admin.call('/dead-letters?limit=230')
    expect(ids(body)).toHaveLength(230)
    expect([ids(body)[0], ids(body).at(-1)]).toEqual(['webhook:0:250', 'webhook:0:21'])
    expect(admin.lane('webhook:0').queries.map((query) => (query as { limit: number }).limit)).toEqual([100, 100, 100])
    const rest = await admin.call(`/dead-letters?limit=230&cursor=${body.cursor}`)
    expect(ids(rest.body)).toHaveLength(20)
    expect(rest.body.cursor).toBeUndefined()
  })

  test.each([
    ['target=webhook', ['webhook:0:2', 'webhook:1:1', 'webhook:0:1']],
    ['target=@edge', ['@edge:0:2', '@edge:0:1']],
    ['stage=transform', ['@edge:0:2']],
    ['stage=load', ['tables:1:1']],
    ['messageId=exploded', ['@edge:0:2']],
    ['target=webhook&stage=load', []],
  ])('the list of dead letters can be narrowed by the query %s', async (query, expected) => {
    expect(ids((await fakeAdmin(spread).call(`/dead-letters?${query}`)).body)).toEqual(expected)
  })

  test.each([
    ['stage=late', 'stage: must be ingest, transform, delivery or load'],
    ['limit=0', 'limit: must be a whole number from 1 to 1000'],
    ['limit=1e3', 'limit: must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit: must be a whole number from 1 to 1000'],
    ['cursor=bm9uZQ', 'cursor: must be the cursor of an earlier page'],
  ])(
    'the list of dead letters is refused for the query %s, and the answer says what is wrong',
    async (query, message) => {
      const { status, body } = await fakeAdmin(spread).call(`/dead-letters?${query}`)
      expect([status, body]).toEqual([400, { success: false, code: 'bad_request', message }])
    },
  )

  test('the list of dead letters has those of the other lanes when one does not answer, and says so', async () => {
    const { status, body } = await fakeAdmin({ ...spread, broken: ['webhook:0'] }).call('/dead-letters')
    expect(status).toBe(200)
    expect(ids(body)).toEqual(['@edge:0:2', 'tables:1:1', '@edge:0:1', 'webhook:1:1'])
    expect(body.failures).toEqual(['lane webhook:0 does not answer: the object is unavailable'])
  })
})

describe('a dead letter', () => {
  test('a dead letter is read by its id', async () => {
    const { body } = await fakeAdmin(spread).call('/dead-letters/@edge:0:2')
    expect(body.deadLetter).toMatchObject({ id: '@edge:0:2', messageId: 'exploded', stage: 'transform' })
  })

  test.each(['webhook:0:99', 'webhook:0', 'webhook', '../lanes', 'webhook:0:1:1'])(
    'a dead letter is not found under the id %s',
    async (id) => {
      const { status, body } = await fakeAdmin(spread).call(`/dead-letters/${encodeURIComponent(id)}`)
      expect([status, body.code]).toEqual([404, 'not_found'])
    },
  )

  test('a dead letter is edited by another event, which keeps its messageId', async () => {
    const admin = fakeAdmin(spread)
    const { messageId: _, ...event } = storedOrder('order-1', { properties: { total: 43 } })
    const { status, body } = await admin.put('/dead-letters/webhook:0:1', { event })
    expect(status).toBe(200)
    expect(body.deadLetter).toMatchObject({ edited: true, event: { messageId: 'order-1', properties: { total: 43 } } })
    expect(admin.lane('webhook:0').letters[0]?.event).toMatchObject({ ...event, messageId: 'order-1' })
  })

  test.each([
    [{ event: { messageId: 'another', type: 'track' } }, 400, 'event.messageId: must stay "order-1", or be left out'],
    [{ event: 'Order Completed' }, 400, 'event: must be an object'],
    [{ event: [1] }, 400, 'event: must be an object'],
    [{}, 400, 'event: must be an object'],
    [
      { event: { type: 'track', userId: 'ada', name: 'A'.repeat(40_000) } },
      413,
      'The event has more than 32768 bytes.',
    ],
  ])('a dead letter is left as it is by an edit that is not valid (%#)', async (body, status, message) => {
    const admin = fakeAdmin(spread)
    const refused = await admin.put('/dead-letters/webhook:0:1', body)
    expect([refused.status, refused.body.message]).toEqual([status, message])
    expect(admin.lane('webhook:0').letters[0]).toMatchObject({ edited: false, event: storedOrder('order-1') })
  })

  test('a dead letter is not edited by a body that is no JSON', async () => {
    const { status, body } = await fakeAdmin(spread).call('/dead-letters/webhook:0:1', { method: 'PUT', body: '{' })
    expect([status, body.code]).toEqual([400, 'invalid_json'])
  })

  test('a dead letter of a lane is replayed in that lane', async () => {
    const admin = fakeAdmin(spread)
    const { status, body } = await admin.post('/dead-letters/webhook:0:2/replay')
    expect([status, body]).toEqual([200, { success: true, replayed: ['webhook:0:2'] }])
    expect(admin.lane('webhook:0').calls).toEqual([{ verb: 'replay', numbers: [2] }])
    expect(admin.lane('webhook:0').letters.map(({ id }) => id)).toEqual(['webhook:0:1'])
    expect(admin.accepted()).toEqual([])
    expect((await admin.post('/dead-letters/webhook:0:2/replay')).status).toBe(404)
  })

  test('a dead letter of a warehouse is replayed in its lane', async () => {
    const admin = fakeAdmin(spread)
    await admin.post('/dead-letters/tables:1:1/replay')
    expect(admin.lane('tables:1').calls).toEqual([{ verb: 'replay', numbers: [1] }])
  })

  test('a dead letter of the edge goes the whole way of a new event, and is gone from the letters', async () => {
    const admin = fakeAdmin(spread)
    const { body } = await admin.post('/dead-letters/@edge:0:2/replay')
    expect(body).toEqual({ success: true, replayed: ['@edge:0:2'] })
    const [envelope] = admin.accepted()
    expect(envelope?.header).toMatchObject({ id: 'exploded', source: 'shop', to: ['webhook', 'tables'] })
    expect(envelope?.event).toMatchObject({ messageId: 'exploded', properties: { total: 42 } })
    expect(admin.lane('@edge:0').letters.map(({ id }) => id)).toEqual(['@edge:0:1'])
  })

  test('a dead letter of the edge that is still invalid stays, and the answer says why', async () => {
    const admin = fakeAdmin({ letters: { '@edge:0': [{ event: { type: 'track', event: 'Order Completed' } }] } })
    const { status, body } = await admin.post('/dead-letters/@edge:0:1/replay')
    expect([status, body.code]).toEqual([400, 'bad_request'])
    expect(body.message).toContain('request neither has anonymousId nor userId')
    expect(admin.lane('@edge:0').letters).toHaveLength(1)
  })

  test('a dead letter of the edge stays when neither the stream nor R2 takes it', async () => {
    const admin = fakeAdmin({ ...spread, broken: ['stream', 'bucket'] })
    const { status, body } = await admin.post('/dead-letters/@edge:0:2/replay')
    expect([status, body.code]).toEqual([503, 'stream_unavailable'])
    expect(admin.lane('@edge:0').letters).toHaveLength(2)
  })

  test('a dead letter of a target that is gone from the config can be discarded but not replayed', async () => {
    const admin = fakeAdmin({ letters: { 'old-crm:0': [{}] } })
    const { status, body } = await admin.post('/dead-letters/old-crm:0:1/replay')
    expect([status, body.code]).toEqual([409, 'conflict'])
    expect(ids((await admin.call('/dead-letters?target=old-crm')).body)).toEqual(['old-crm:0:1'])
    expect((await admin.call('/dead-letters/old-crm:0:1', { method: 'DELETE' })).body).toEqual({
      success: true,
      discarded: ['old-crm:0:1'],
    })
  })

  test('a dead letter is discarded once', async () => {
    const admin = fakeAdmin(spread)
    expect((await admin.call('/dead-letters/webhook:0:1', { method: 'DELETE' })).status).toBe(200)
    expect(admin.lane('webhook:0').letters.map(({ id }) => id)).toEqual(['webhook:0:2'])
    expect((await admin.call('/dead-letters/webhook:0:1', { method: 'DELETE' })).status).toBe(404)
  })
})

describe('many dead letters', () => {
  test('many dead letters are replayed by id, oldest first in each lane; those that are not there are named', async () => {
    const admin = fakeAdmin(spread)
    const { body } = await admin.post('/dead-letters/replay', {
      ids: ['webhook:0:2', '@edge:0:1', 'webhook:0:1', 'webhook:0:2', 'webhook:1:8'],
    })
    expect(body.replayed.toSorted()).toEqual(['@edge:0:1', 'webhook:0:1', 'webhook:0:2'])
    expect(body.failed).toEqual([{ id: 'webhook:1:8', code: 'not_found', message: 'There is no such dead letter.' }])
    expect(admin.lane('webhook:0').calls).toEqual([{ verb: 'replay', numbers: [1, 2] }])
    expect(admin.accepted().map(({ id }) => id)).toEqual(['order-1'])
  })

  test('many dead letters are replayed all, and none remains', async () => {
    const admin = fakeAdmin(spread)
    const { body } = await admin.post('/dead-letters/replay', { all: true })
    expect(body).toMatchObject({ success: true, failed: [], remaining: 0 })
    expect(body.replayed).toHaveLength(6)
    expect(body.cursor).toBeUndefined()
  })

  test('many dead letters are replayed all of one target or stage, and no other', async () => {
    const admin = fakeAdmin(spread)
    await admin.post('/dead-letters/replay', { all: true, target: 'webhook' })
    await admin.post('/dead-letters/replay', { all: true, stage: 'transform' })
    expect(ids((await admin.call('/dead-letters')).body)).toEqual(['tables:1:1', '@edge:0:1'])
  })

  test('many dead letters are replayed at most 500 in one call, which says how many remain and where to go on past what failed', async () => {
    const bad = { event: { type: 'track' } }
    const admin = fakeAdmin({
      letters: { '@edge:0': [...Array.from({ length: 2 }, () => ({})), ...Array.from({ length: 500 }, () => bad)] },
    })
    const first = await admin.post('/dead-letters/replay', { all: true })
    expect(first.body.failed).toHaveLength(500)
    expect(first.body).toMatchObject({ replayed: [], remaining: 502 })
    const second = await admin.post('/dead-letters/replay', { all: true, cursor: first.body.cursor })
    expect(second.body).toMatchObject({ replayed: ['@edge:0:1', '@edge:0:2'], remaining: 500 })
    expect(second.body.cursor).toBeUndefined()
  })

  test('many dead letters are not replayed by a lane that does not answer, and the others are', async () => {
    const admin = fakeAdmin({ ...spread, broken: ['webhook:0'] })
    const { body } = await admin.post('/dead-letters/replay', { ids: ['webhook:0:1', 'webhook:1:1'] })
    expect(body.replayed).toEqual(['webhook:1:1'])
    expect(body.failed).toMatchObject([{ id: 'webhook:0:1', code: 'internal' }])
  })

  test('many dead letters are discarded by id', async () => {
    const admin = fakeAdmin(spread)
    const { body } = await admin.post('/dead-letters/discard', { ids: ['webhook:0:1', 'tables:1:1', 'tables:1:5'] })
    expect(body.discarded.toSorted()).toEqual(['tables:1:1', 'webhook:0:1'])
    expect(body.failed).toMatchObject([{ id: 'tables:1:5', code: 'not_found' }])
  })

  test.each([{}, { ids: [] }, { all: false }, { ids: ['webhook:0:1'], all: true }, { all: true, stage: 'late' }, []])(
    'many dead letters are not replayed for the body %j',
    async (body) => {
      const admin = fakeAdmin(spread)
      const refused = await admin.post('/dead-letters/replay', body)
      expect([refused.status, refused.body.code]).toEqual([400, 'bad_request'])
      expect(admin.lane('webhook:0').calls).toEqual([])
    },
  )
})

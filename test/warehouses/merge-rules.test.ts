import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startBigQueryWarehouse } from '../support/real-bigquery.ts'
import { startSnowflakeWarehouse } from '../support/real-snowflake.ts'
import { plainOrder } from '../support/sample-events.ts'

const engines = [
  ['snowflake', startSnowflakeWarehouse, (name: string) => name.toUpperCase()],
  ['bigquery', startBigQueryWarehouse, (name: string) => name],
] as const
const names = [1, 2].flatMap((n) => [`merge_property_${n}_type`, `merge_property_${n}_value`])
const received = ['2026-11-22T10:00:00.000Z', '2026-11-23T10:00:00.000Z']

describe.each(engines)('the merge rules in %s', (engine, start, cased) => {
  let warehouse: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse?.stop())

  test(`identities that are one person are in the merge rules of ${engine} once, however often they come`, async () => {
    const loads = new StagedLoads(warehouse, { resolveIdentities: true })
    const alias = { type: 'alias', messageId: 'alias-1', userId: 'ada', previousId: 'byron' } as Event
    // An id that is a number is a text here.
    const odd = { type: 'identify', messageId: 'odd-1', userId: 1815, anonymousId: 'a-2' } as unknown as Event
    for (const receivedAt of received) {
      const identify = {
        type: 'identify',
        messageId: receivedAt,
        userId: 'ada',
        anonymousId: 'a-1',
        receivedAt,
      } as Event
      expect((await loads.send(identify, alias, odd)).error).toBeUndefined()
    }
    const rules = await warehouse.rows(cased('rudder_identity_merge_rules'), cased('merge_property_1_value'))
    expect(rules.map((rule) => names.map((name) => rule[cased(name)]))).toEqual([
      ['anonymous_id', 'a-1', 'user_id', 'ada'],
      ['anonymous_id', 'a-2', 'user_id', '1815'],
      ['user_id', 'ada', 'user_id', 'byron'],
    ])
    expect(loads.letters).toEqual([])
  })

  test(`identities that are long keep no event out of the tables of ${engine}, and are merge rules`, async () => {
    const loads = new StagedLoads(warehouse, { resolveIdentities: true })
    const [userId, anonymousId] = ['u'.repeat(500), 'a'.repeat(400)] as const
    const order = plainOrder('long-1', { userId, anonymousId })
    const merge = {
      type: 'merge',
      messageId: 'long-2',
      userId,
      mergeProperties: [
        { type: 'email', value: 'e'.repeat(900) },
        { type: 'phone', value: '1843' },
      ],
    } as unknown as Event
    expect((await loads.send(order, merge)).error).toBeUndefined()
    expect(loads.letters).toEqual([])
    expect(await warehouse.ids(cased('order_completed'))).toEqual(['long-1'])
    const rules = await warehouse.rows(cased('rudder_identity_merge_rules'), cased('merge_property_1_value'))
    const found = rules.map((rule) => names.map((name) => rule[cased(name)]))
    expect(found).toContainEqual(['anonymous_id', anonymousId, 'user_id', userId])
    expect(found).toContainEqual(['email', 'e'.repeat(900), 'phone', '1843'])
  })
})

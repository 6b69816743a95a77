import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startLake } from '../support/real-lake.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'
import { withSeed } from '../support/seed.ts'

const nastyNames = [
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'ctid',
  'tableoid',
  'oid',
  'rowid',
  '_rowid_',
  'select',
  'order',
  'table',
  'user',
  'sqlite_schema',
  'sqlite_sequence',
  'Sqlite Error',
  '_cf_KV',
  '_cf_METADATA',
  '_CF_x',
  'jsonb_each',
  'json_each',
  'json_tree',
  'pragma_table_info',
  'pragma_table_list',
  'd1_migrations',
  'main',
  'temp',
  'excluded',
  'fresh',
  'kept',
  'Rudder Discards',
  '_rudder_discards',
  '_sluiceway_loads',
  '_sluiceway_columns',
  '_sluiceway_more',
  '__sluiceway_more',
  '_sluiceway_stage',
  '_sluiceway_probe',
  'Ordinary Pkey',
  'Tracks Pkey',
  'ordinary_pkey1',
  'tracks',
  'users',
  'identifies',
  'pages',
  'groups',
  'Users',
  '_users',
  'accounts',
  'value',
  'key',
  'json',
  'atom',
  'id',
  'ID',
  'uuid_ts',
  'event',
  'event_text',
  'received_at',
  'user_id',
  'context_ip',
  'loaded_at',
  'name',
  'type',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '金额',
  'Größe',
  'Заказ',
  '👍',
  '',
  ' ',
  '?!',
  '$1',
  '"',
  "'",
  'a"b',
  "x'; DROP TABLE tracks; --",
  'a\0b',
  '\ud800',
  'a.b',
  'a/b',
  '1st',
  '42',
  '_',
  '__',
  'x'.repeat(63),
  'y'.repeat(300),
  `_sluiceway${'z'.repeat(80)}`,
  `${'p'.repeat(58)}_pkey`,
  'pg_class',
  'information_schema',
  'stage',
  'position',
]
const nastyValues: readonly unknown[] = [
  0,
  -0,
  1,
  4.1,
  1e21,
  1e308,
  2 ** 53 + 2,
  -(2 ** 63),
  2 ** 64,
  true,
  false,
  null,
  '',
  ' ',
  '1',
  '4.1',
  'true',
  'null',
  '\\N',
  'a\0b',
  '\ud800',
  '\ud83d\ude00',
  "'); DROP TABLE tracks; --",
  '\t\r\n\\',
  '2026-11-22',
  '2026-11-22T10:00:00Z',
  '0001-01-01',
  '9999-12-31T23:59:59.999Z',
  '2026-02-30',
  '2026-13-01',
  'infinity',
  [],
  [null],
  [[]],
  ['a', 1, { b: null }],
  {},
  { a: { b: { c: 1 } } },
  { '': 1 },
  { '0': 'a', '1': 'b' },
  'x'.repeat(3_000),
  '数'.repeat(1_000),
  { __proto__: null, constructor: 1 },
]

const paths = ['POSTGRES', 'DATA_WAREHOUSE'] as const

function nastyEvent(random: Random, n: number): Event {
  const fields = () =>
    Object.fromEntries(
      Array.from({ length: random.whole(0, random.chance(0.05) ? 400 : 8) }, (_, i) => [
        random.chance(0.8) ? random.pick(nastyNames) : `answer_${i}`,
        random.pick(nastyValues),
      ]),
    )
  const type = random.pick([
    'track',
    'track',
    'track',
    'identify',
    'page',
    'screen',
    'group',
    'alias',
    'extract',
    'merge',
  ])
  const options = { useBlendoCasing: random.chance(0.5), skipReservedKeywordsEscaping: random.chance(0.5) }
  const id = () => random.pick(['ada', '2026-11-22', 42, '42', true, 'x'.repeat(700), '数', '__proto__'])
  return {
    type,
    messageId: `nasty-${n}`,
    userId: id(),
    anonymousId: id(),
    event: random.pick(nastyNames),
    ...(random.chance(0.5) ? { name: random.pick(nastyValues) } : {}),
    ...(random.chance(0.2) ? { channel: random.pick(nastyValues), sentAt: random.pick(nastyValues) } : {}),
    ...(random.chance(0.2) ? { timestamp: random.pick(nastyValues), recordId: id() } : {}),
    groupId: id(),
    previousId: id(),
    properties: fields(),
    traits: fields(),
    context: random.chance(0.5) ? fields() : { traits: fields() },
    ...(random.chance(0.3) ? { integrations: { All: true, [random.pick(paths)]: { options } } } : {}),
  } as unknown as Event
}

describe.each([...realWarehouses, ['lake', startLake] as const])(
  'the warehouse %s, after events with nasty names and values',
  (_, start) => {
    let warehouse: RealWarehouse
    beforeAll(async () => {
      warehouse = await start()
    }, 60_000)
    afterAll(() => warehouse.stop())

    test('a warehouse has an ordinary event in its table within two loads, and every other in its tables or as a dead letter', async () => {
      await withSeed(
        async (random) => {
          await warehouse.clear()
          const loads = new StagedLoads(warehouse)
          for (let round = 0; round < 6; round++) {
            const events = Array.from({ length: random.whole(1, 25) }, (_, i) => nastyEvent(random, round * 100 + i))
            await loads.send(...events)
            const ordinary: Event = {
              type: 'track',
              messageId: `ordinary-${round}`,
              userId: 'ada',
              event: 'Ordinary Event',
              properties: { n: round },
            }
            const { error } = await loads.send(ordinary)
            if (error !== undefined) await loads.load()
            expect(await warehouse.ids('ordinary_event'), error).toContain(`ordinary-${round}`)
          }
          const found = new Set<string>(loads.letters.map(({ messageId }) => messageId))
          for (const table of await warehouse.tables())
            if (!/^(?:rudder_discards|_sluiceway_.*)$/.test(table))
              for (const id of await warehouse.ids(table)) found.add(id)
          for (const [id, event] of loads.staged) {
            // Of an extract, the id is that of the record; a merge has no rows without identity resolution.
            if (event.type === ('extract' as string) || event.type === ('merge' as string)) continue
            expect(found.has(id), `${id} is nowhere: ${JSON.stringify(event).slice(0, 500)}`).toBe(true)
          }
        },
        { runs: 2 },
      )
    }, 180_000)
  },
)

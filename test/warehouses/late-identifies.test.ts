// What the table of users says when identifies come in any order: in one load, over loads, at the same time, with traits that are
// missing, blank or of another type.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startBigQueryWarehouse } from '../support/real-bigquery.ts'
import { startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { startDatabricksWarehouse } from '../support/real-databricks.ts'
import { startLake } from '../support/real-lake.ts'
import { startRedshiftWarehouse } from '../support/real-redshift.ts'
import { startSnowflakeWarehouse } from '../support/real-snowflake.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'
import { withSeed } from '../support/seed.ts'
import type { Row } from '../support/tables.ts'
import { plainText } from './stored-values.ts'

const engines = [
  ...realWarehouses,
  ['clickhouse', () => startClickHouseWarehouse()] as const,
  ['lake', startLake] as const,
  ['snowflake', startSnowflakeWarehouse] as const,
  ['bigquery', startBigQueryWarehouse] as const,
  ['redshift', startRedshiftWarehouse] as const,
  ['databricks', startDatabricksWarehouse] as const,
] as const

/** An identify of Ada: the minute after ten in which it was received, and its traits. */
type Said = readonly [minute: number, traits: Readonly<Record<string, unknown>>]

const timeOf = (minute: number): string => `2026-11-22T10:${String(minute).padStart(2, '0')}:00.000Z`
let number = 0
const identify = ([minute, traits]: Said, userId = 'ada'): Event => ({
  type: 'identify',
  messageId: `identify-${++number}`,
  userId,
  traits,
  receivedAt: timeOf(minute),
})
const many = (prefix: string) => Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${prefix}_${i}`, i]))

interface Case {
  readonly name: string
  readonly loads: readonly (readonly Said[])[]
  readonly becomes: Readonly<Record<string, unknown>>
  /** The minute of `received_at`. */
  readonly at: number
}

const cases: readonly Case[] = [
  {
    name: 'of one load, in order',
    loads: [
      [
        [1, { plan: 'free', city: 'London' }],
        [2, { plan: 'pro' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'London' },
    at: 2,
  },
  {
    name: 'of one load, the newest first',
    loads: [
      [
        [3, { plan: 'pro' }],
        [1, { plan: 'free', city: 'London' }],
        [2, { plan: 'basic', city: 'Paris' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'Paris' },
    at: 3,
  },
  {
    name: 'of one load, the newest between the others',
    loads: [
      [
        [2, { city: 'Paris' }],
        [3, { plan: 'pro' }],
        [1, { city: 'London', title: 'Countess' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'Paris', title: 'Countess' },
    at: 3,
  },
  {
    name: 'of three loads, in order',
    loads: [[[1, { plan: 'free' }]], [[2, { city: 'London' }]], [[3, { plan: 'pro' }]]],
    becomes: { plan: 'pro', city: 'London' },
    at: 3,
  },
  {
    name: 'that come late, in a load of their own',
    loads: [
      [[3, { plan: 'pro' }]],
      [
        [1, { plan: 'free', city: 'London' }],
        [2, { plan: 'basic' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'London' },
    at: 3,
  },
  {
    name: 'that come late, beside one that does not',
    loads: [
      [[2, { plan: 'basic', title: 'Countess' }]],
      [
        [3, { plan: 'pro' }],
        [1, { title: 'Miss', city: 'London' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'London', title: plainText('Countess') },
    at: 3,
  },
  {
    name: 'of the same time in one load: the one that came later counts',
    loads: [
      [
        [1, { plan: 'free', city: 'London' }],
        [1, { plan: 'pro' }],
      ],
    ],
    becomes: { plan: 'pro', city: 'London' },
    at: 1,
  },
  {
    name: 'of the same time in two loads: the one that came later counts',
    loads: [[[1, { plan: 'free', city: 'London' }]], [[1, { plan: 'pro' }]]],
    becomes: { plan: 'pro', city: 'London' },
    at: 1,
  },
  {
    name: 'whose newest says nothing, null, an empty text or an empty list of a trait',
    loads: [
      [[1, { plan: 'pro', city: 'London', title: 'Countess', age: 36 }]],
      [[2, { plan: null, city: '', title: [] }]],
    ],
    becomes: { plan: 'pro', city: 'London', title: 'Countess', age: 36 },
    at: 2,
  },
  {
    name: 'of one load whose newest has a value that its column does not take: the one before it counts',
    loads: [
      [[1, { age: 36 }]],
      [
        [2, { age: 37 }],
        [3, { age: 'old', plan: 'pro' }],
      ],
    ],
    becomes: { age: 37, plan: 'pro' },
    at: 3,
  },
  {
    name: 'of one load that together have more traits than a table of D1 or a row of PostgreSQL has columns',
    loads: [
      [
        [1, { ...many('first'), plan: 'free' }],
        [2, { ...many('second'), ...many('third'), plan: 'pro' }],
      ],
    ],
    becomes: { ...many('first'), ...many('second'), ...many('third'), plan: 'pro' },
    at: 2,
  },
]

describe.each(engines)('the users of %s', (engine, start) => {
  let warehouse: Omit<RealWarehouse, 'query'>
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(() => warehouse.clear())

  /** Names are in upper case in Snowflake. */
  async function users(): Promise<Row[]> {
    const rows = await warehouse.rows(engine === 'snowflake' ? 'USERS' : 'users')
    return rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value])),
    )
  }

  test.each(cases)(
    'a user has the newest value of each trait, out of identifies $name',
    async ({ loads, becomes, at }) => {
      const staged = new StagedLoads(warehouse)
      for (const said of loads)
        expect(await staged.send(...said.map((one) => identify(one)))).not.toHaveProperty('error')
      expect(staged.letters).toEqual([])
      const rows = await users()
      expect(rows).toHaveLength(1)
      const [user = {}] = rows
      for (const [trait, value] of Object.entries(becomes)) expect(plainText(user[trait]), trait).toBe(plainText(value))
      expect(new Date(String(user['received_at'])).toISOString()).toBe(timeOf(at))
    },
  )

  test('users are as the rule says, whatever comes in whatever order', async () => {
    await withSeed(
      async (random) => {
        await warehouse.clear()
        const staged = new StagedLoads(warehouse)
        const ids = ['ada', 'grace', 'mary']
        const traits = ['plan', 'city', 'title', 'visits']
        const model = new Map<string, { at: number; values: Record<string, unknown>; times: Record<string, number> }>()
        for (let load = 0; load < 6; load++) {
          const events = Array.from({ length: random.whole(1, 8) }, (_, i) => {
            const said = traits
              .filter(() => random.chance(0.4))
              .map((trait): [string, unknown] => {
                const n = load * 10 + i
                return [trait, random.chance(0.2) ? null : trait === 'visits' ? n : `${trait} ${n}`]
              })
            return { id: random.pick(ids), minute: random.whole(0, 9), traits: Object.fromEntries(said) }
          })
          const report = await staged.send(...events.map(({ id, minute, traits }) => identify([minute, traits], id)))
          expect(report).not.toHaveProperty('error')
          for (const id of ids) {
            const own = events.filter((event) => event.id === id).toSorted((a, b) => a.minute - b.minute)
            const before = model.get(id) ?? { at: -1, values: {}, times: {} }
            const { at, values, times } = before
            const said = own.flatMap(({ minute, traits }) =>
              Object.entries(traits).flatMap(([trait, value]) => (value === null ? [] : [{ minute, trait, value }])),
            )
            // A lake has a row of each time, and knows how old each value is; others know how old the user is.
            if (engine === 'lake')
              for (const { minute, trait, value } of said) {
                if (minute < (times[trait] ?? -1)) continue
                values[trait] = value
                times[trait] = minute
              }
            else {
              for (const { minute, trait, value } of said) if (minute >= at) values[trait] = value
              for (const { minute, trait, value } of said.toReversed()) if (minute < at) values[trait] ??= value
            }
            before.at = Math.max(at, ...own.map(({ minute }) => minute))
            if (own.length > 0) model.set(id, before)
          }
        }
        const stored = new Map((await users()).map((row) => [String(row['id']), row]))
        expect([...stored.keys()].toSorted()).toEqual([...model.keys()].toSorted())
        for (const [id, { at, values }] of model) {
          const row = stored.get(id) ?? {}
          expect(traits.map((trait) => [id, trait, row[trait] === undefined ? 'null' : plainText(row[trait])])).toEqual(
            traits.map((trait) => [id, trait, plainText(values[trait] ?? null)]),
          )
          expect(new Date(String(row['received_at'])).toISOString()).toBe(timeOf(at))
        }
      },
      { runs: 3 },
    )
  })
})

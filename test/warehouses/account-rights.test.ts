// Rights that are missing in Redshift and Databricks: for one table, whose rows wait, or for all.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startDatabricksWarehouse } from '../support/real-databricks.ts'
import { startRedshiftWarehouse } from '../support/real-redshift.ts'

const track = (messageId: string, event: string): Event => ({ type: 'track', messageId, userId: 'ada', event })
const unity = {
  error_code: 'BAD_REQUEST',
  message: '[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have MODIFY. SQLSTATE: 42501',
}

/** Starts an account, and says how its statements are refused. */
const accounts = {
  redshift: async () => {
    const warehouse = await startRedshiftWarehouse()
    const deny = (failing: RegExp | undefined) => {
      if (warehouse.fake === undefined) throw new Error('an account of AWS refuses nothing on demand')
      Object.assign(warehouse.fake, { fail: failing && 'ERROR: permission denied for relation seen', failing })
    }
    return { warehouse, deny, words: /must own the tables/ }
  },
  databricks: async () => {
    const warehouse = await startDatabricksWarehouse('bucket')
    const deny = (failing: RegExp | undefined) => {
      if (warehouse.fake === undefined) throw new Error('an account of Databricks refuses nothing on demand')
      Object.assign(warehouse.fake, { fail: failing && unity, failing })
    }
    return { warehouse, deny, words: /Grant USE CATALOG/ }
  },
}

describe.each(['redshift', 'databricks'] as const)('a user of %s without a right', (name) => {
  let account: Awaited<ReturnType<(typeof accounts)[typeof name]>>
  let loads: StagedLoads
  beforeEach(async () => {
    account = await accounts[name]()
    loads = new StagedLoads(account.warehouse)
  }, 60_000)
  afterEach(() => account?.warehouse.stop())
  const idsOf = async (table: string) => (await account.warehouse.rows(table)).map(({ id }) => String(id)).toSorted()

  test('to fill one table has its rows wait, and all others are loaded', async () => {
    await loads.send(track('other-1', 'Other'), track('seen-1', 'Seen'))
    account.deny(/\b(?:INSERT|MERGE|DELETE|UPDATE|ALTER|CREATE)\b[^']*["`.]seen["`\s]/i)
    expect((await loads.send(track('seen-2', 'Seen'), track('other-2', 'Other'))).error).toBeUndefined()
    expect(await idsOf('other')).toEqual(['other-1', 'other-2'])
    expect(await idsOf('tracks')).toEqual(['other-1', 'other-2', 'seen-1', 'seen-2'])
    expect(await idsOf('seen')).toEqual(['seen-1'])
    expect(loads.held.list()).toMatchObject([{ events: 1, reason: expect.stringMatching(account.words) as string }])
    account.deny(undefined)
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    expect(await idsOf('seen')).toEqual(['seen-1', 'seen-2'])
    expect(loads.letters).toEqual([])
  }, 60_000)

  test('to write anything is told so at once, and nothing is buried or waits', async () => {
    account.deny(/\b(?:INSERT|MERGE|COPY|CREATE|ALTER|DELETE)\b/i)
    expect((await loads.send(track('seen-1', 'Seen'), track('seen-2', 'Seen'))).error).toMatch(account.words)
    expect(loads.held.list()).toEqual([])
    account.deny(undefined)
    expect((await loads.load()).error).toBeUndefined()
    expect(await idsOf('seen')).toEqual(['seen-1', 'seen-2'])
    expect(loads.letters).toEqual([])
  }, 60_000)
})

import { afterAll, expect } from 'vitest'
import { iceberg } from '../../src/warehouses/iceberg.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { accountObjects, lakeAccount, lakeCatalog } from '../support/lake-account.ts'
import { readIceberg } from '../support/iceberg-views.ts'
import { filesIn, missingIceberg, startIceberg } from '../support/real-iceberg.ts'
import { type LakeReader, readLake, settingsOf, startR2 } from '../support/real-lake.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { engineSuite } from './engine-suite.ts'

const tablesIn = ({ rows, query, tables }: LakeReader) => ({
  rows,
  tables,
  count: async (table: string) => Number((await query(`SELECT count(*) AS n FROM ${table}`, table))[0]?.['n']),
})

engineSuite(
  'lake',
  async () => {
    const r2 = await startR2()
    const reader = await readLake(r2.objects)
    return {
      engine: lake({ binding: 'LAKE' }).open({ LAKE: r2.bucket }, ''),
      ...tablesIn(reader),
      stop: async () => {
        reader.stop()
        await r2.stop()
      },
    }
  },
  { gathers: true },
)

let s3: S3Server | undefined
afterAll(() => s3?.stop())

/** The store is one of this machine, unless `npm run verify-warehouse -- lake` names an account. */
engineSuite(
  'lake in a store that speaks S3',
  async () => {
    const account = lakeAccount(process.env)
    if (account === undefined) s3 = await startS3('secret key of Ada')
    const settings = account ?? settingsOf(s3 as S3Server)
    const prefix = `sluiceway-verify-${Date.now()}`
    const { objects, remove } = accountObjects(settings)
    const reader = await readLake(objects, prefix)
    const catalog = account === undefined ? undefined : lakeCatalog(process.env)
    const more = catalog === undefined ? {} : { iceberg: catalog.use }
    const use = lake({ ...(settings as Parameters<typeof lake>[0]), prefix, folders: 'YYYY/MM/DD/HH', ...more })
    return {
      engine: use.open({}, ''),
      ...tablesIn(reader),
      stop: async () => {
        reader.stop()
        await remove(`${prefix}/`)
        await catalog?.remove(prefix)
        if (s3 !== undefined) expect(s3.stored.size).toBe(0)
      },
    }
  },
  { gathers: true },
)

if ((await missingIceberg()) === undefined)
  engineSuite(
    'lake, read from its Iceberg tables',
    async () => {
      const store = await startS3('secret key of Ada')
      const catalog = await startIceberg(filesIn(store))
      const use = lake({ ...settingsOf(store), iceberg: iceberg(catalog.settings) })
      const reader = readIceberg(use.open({}, 'web'), catalog, 'web')
      return {
        ...reader,
        stop: async () => {
          await catalog.stop()
          await store.stop()
        },
      }
    },
    { gathers: true },
  )

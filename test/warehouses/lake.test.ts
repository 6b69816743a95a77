import { afterAll } from 'vitest'
import { lake } from '../../src/warehouses/lake.ts'
import { type LakeReader, objectsIn, readLake, settingsOf, startR2 } from '../support/real-lake.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { engineSuite } from './engine-suite.ts'

const tablesIn = ({ rows, query, tables }: LakeReader) => ({
  rows,
  tables,
  count: async (table: string) => Number((await query(`SELECT count(*) AS n FROM ${table}`, table))[0]?.['n']),
})

engineSuite('lake', async () => {
  const r2 = await startR2()
  const reader = await readLake(r2.objects)
  return {
    engine: lake({ binding: 'LAKE' }).open({ LAKE: r2.bucket }),
    ...tablesIn(reader),
    stop: async () => {
      reader.stop()
      await r2.stop()
    },
  }
})

let s3: S3Server
afterAll(() => s3?.stop())

engineSuite('lake in a store that speaks S3', async () => {
  s3 = await startS3('secret key of Ada')
  const reader = await readLake(objectsIn(s3))
  const engine = lake({ ...settingsOf(s3), folders: 'YYYY/MM/DD/HH' }).open({})
  return { engine, ...tablesIn(reader), stop: async () => reader.stop() }
})

import { expect, test, vi } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import { readCopy } from '../../src/admission/suppression-copy.ts'
import type { UserId } from '../../src/admission/suppression-list.ts'
import { Sqlite } from '../support/sqlite.ts'
import { r2WriteLimit } from '../support/limited-r2.ts'
import { FakeBucket } from '../support/fake-bucket.ts'

vi.mock('cloudflare:workers', () => ({
  DurableObject: class {
    readonly ctx: unknown
    readonly env: unknown

    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx
      this.env = env
    }
  },
}))
const { SuppressionObject } = await import('../../src/admission/suppression-object.ts')

const user = (id: string): UserId => ({ kind: 'userId', id })

function objectWith(sql = new Sqlite()) {
  const bucket = new FakeBucket() as FakeBucket & R2Bucket
  const background: Promise<unknown>[] = []
  const ctx = { storage: { sql }, waitUntil: (work: Promise<unknown>) => void background.push(work) }
  const object = new SuppressionObject(
    ctx as unknown as DurableObjectState,
    { BUCKET: bucket } as unknown as Bindings,
    () => {
      throw new Error('nobody is deleted here')
    },
  )
  return { object, bucket, background, copy: () => readCopy(bucket) }
}

test('a change of the list is answered when R2 has it', async () => {
  const { object, bucket, copy } = objectWith()
  let mayPut: () => void = () => {}
  bucket.before = () => new Promise((resolve) => (mayPut = resolve))
  let answered = false
  const adding = object.add([user('ada')]).then(() => (answered = true))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(answered).toBe(false)
  mayPut()
  await adding
  bucket.before = () => {}
  expect(await copy()).toEqual(await object.snapshot(undefined))
  expect((await copy()).prints).toHaveLength(2)
})

test('changes at the same time leave the newest list in R2, however long each copy takes', async () => {
  const { object, bucket, copy } = objectWith()
  let puts = 0
  bucket.before = (verb) =>
    verb === 'put' ? new Promise((resolve) => setTimeout(resolve, ++puts === 1 ? 30 : 1)) : undefined
  await Promise.all([object.add([user('ada')]), object.add([user('grace')]), object.remove([user('ada')])])
  expect(await copy()).toEqual(await object.snapshot(undefined))
  expect((await copy()).version).toBe(3)
  expect(puts).toBeLessThanOrEqual(3)
})

test('when R2 fails, the call fails, the list has the change, and the next look at the list makes up for the copy', async () => {
  const { object, bucket, background, copy } = objectWith()
  bucket.before = () => {
    throw new Error('R2 is unavailable')
  }
  await expect(object.add([user('ada')])).rejects.toThrow('R2 is unavailable')
  expect((await object.snapshot(undefined))?.prints).toHaveLength(2)
  await Promise.all(background.splice(0))
  bucket.before = () => {}
  expect((await copy()).prints).toHaveLength(0)
  expect(await object.snapshot(1)).toBeNull()
  await Promise.all(background.splice(0))
  expect((await copy()).prints).toHaveLength(2)
})

test('repeating a call that failed writes the copy, though it changes nothing more', async () => {
  const { object, bucket, copy } = objectWith()
  await object.add([user('ada')])
  bucket.before = () => {
    throw new Error('R2 is unavailable')
  }
  await expect(object.remove([user('ada')])).rejects.toThrow('R2 is unavailable')
  bucket.before = () => {}
  expect(await object.remove([user('ada')])).toBe(0)
  expect((await copy()).prints).toHaveLength(0)
})

test('a copy that a crash kept from being written is written after it', async () => {
  const sql = new Sqlite()
  const before = objectWith(sql)
  before.bucket.before = () => new Promise(() => {})
  void before.object.add([user('ada')])
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { object, background, copy } = objectWith(sql)
  await object.snapshot(undefined)
  await Promise.all(background)
  expect((await copy()).prints).toHaveLength(2)
})

test('a tool that forgets ten users a second, one call after the other or all at once, loses none: R2 takes one write a second', async () => {
  const { object, bucket, copy } = objectWith()
  const check = r2WriteLimit()
  let puts = 0
  bucket.before = (verb) => {
    if (verb !== 'put') return
    puts++
    check('suppression/list')
  }
  const all = Array.from({ length: 10 }, (_, i) => object.add([user(`at once ${i}`)]))
  await Promise.all(all)
  expect((await copy()).prints).toHaveLength(20)
  for (let i = 0; i < 2; i++) {
    await object.add([user(`in turn ${i}`)])
    expect((await copy()).prints).toHaveLength(22 + i * 2)
  }
  expect(puts).toBeLessThanOrEqual(4)
})

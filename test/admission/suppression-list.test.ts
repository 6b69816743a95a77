import { expect, test } from 'vitest'
import { fingerprintOf } from '../../src/storage/fingerprint.ts'
import { FingerprintSet } from '../../src/admission/fingerprint-set.ts'
import { readCopy, writeCopy } from '../../src/admission/suppression-copy.ts'
import { SuppressionList, type UserId } from '../../src/admission/suppression-list.ts'
import { Sqlite } from '../support/sqlite.ts'
import { FakeBucket } from '../support/fake-bucket.ts'

const user = (id: string): UserId => ({ kind: 'userId', id })
const visitor = (id: string): UserId => ({ kind: 'anonymousId', id })
const names = (list: SuppressionList) => list.list({ limit: 100 }).map(({ kind, id }) => `${kind}:${id}`)
const printsOf = (list: SuppressionList) => {
  const { prints } = list.snapshot
  return Array.from({ length: prints.length / 2 }, (_, i) => prints.slice(i * 2, i * 2 + 2).join()).toSorted()
}
const prints = (...users: UserId[]) => users.map(({ kind, id }) => fingerprintOf(kind, id).join()).toSorted()

test('a user who is added twice is on the list once, with the time of the first time', () => {
  const list = new SuppressionList(new Sqlite().open())
  list.add([user('ada'), visitor('ada')], 1)
  list.add([user('grace'), user('ada')], 2)
  expect(list.list({ limit: 10 })).toEqual([
    { kind: 'anonymousId', id: 'ada', at: 1 },
    { kind: 'userId', id: 'ada', at: 1 },
    { kind: 'userId', id: 'grace', at: 2 },
  ])
  expect(printsOf(list)).toEqual(prints(user('ada'), visitor('ada'), user('grace')))
  expect(list.find([user('grace'), user('nobody')])).toEqual([{ kind: 'userId', id: 'grace', at: 2 }])
})

test('the snapshot follows additions and removals, and so does its version', () => {
  const list = new SuppressionList(new Sqlite().open())
  expect(list.snapshot).toEqual({ version: 0, prints: new Uint32Array() })
  list.add([user('ada'), user('grace')], 1)
  expect(printsOf(list)).toEqual(prints(user('ada'), user('grace')))
  list.add([user('ada'), visitor('a-1')], 2)
  expect(printsOf(list)).toEqual(prints(user('ada'), user('grace'), visitor('a-1')))
  expect(list.remove([user('ada'), user('nobody')])).toBe(1)
  expect(printsOf(list)).toEqual(prints(user('grace'), visitor('a-1')))
  expect(list.version).toBe(3)
})

test('a change that changes nothing makes no new version of the list', () => {
  const list = new SuppressionList(new Sqlite().open())
  list.add([user('ada')], 1)
  list.add([user('ada')], 2)
  list.remove([user('grace')])
  expect(list.version).toBe(1)
})

test('pages of the list follow each other without gaps, in whichever order ids sort', () => {
  const list = new SuppressionList(new Sqlite().open())
  const users = ['a', 'a:b', 'a b', 'Ä', 'z', '', '😀'].flatMap((id) => [user(`${id}1`), visitor(`${id}1`)])
  list.add(users, 1)
  const seen: string[] = []
  for (let after: string | undefined; ;) {
    const page = list.list({ ...(after === undefined ? {} : { after }), limit: 3 })
    const last = page.at(-1)
    if (last === undefined) break
    seen.push(...page.map(({ kind, id }) => `${kind}:${id}`))
    after = `${last.kind}:${last.id}`
  }
  expect(seen).toEqual(names(list))
  expect(new Set(seen)).toEqual(new Set(users.map(({ kind, id }) => `${kind}:${id}`)))
})

test('the list outlives its object, with its version and with what R2 has of it', () => {
  const sqlite = new Sqlite()
  const before = new SuppressionList(sqlite.open())
  before.add([user('ada')], 1)
  before.copied = 1
  before.add([user('grace')], 2)
  const list = new SuppressionList(sqlite.open())
  expect([list.version, list.copied, names(list)]).toEqual([2, 1, ['userId:ada', 'userId:grace']])
  expect(printsOf(list)).toEqual(prints(user('ada'), user('grace')))
})

test('more users than a page are all in the snapshot', () => {
  const list = new SuppressionList(new Sqlite().open())
  const users = Array.from({ length: 10_001 }, (_, i) => user(`user-${i}`))
  list.add(users, 1)
  expect(printsOf(list)).toEqual(prints(...users))
})

test('a set of fingerprints knows those that it has, and no others', () => {
  const ids = Array.from({ length: 5_000 }, (_, i) => `user-${i}`)
  const known = ids.slice(0, 2_500)
  const set = new FingerprintSet(Uint32Array.from(known.flatMap((id) => [...fingerprintOf('userId', id)])))
  const has = (id: string) => {
    const [a = 0, b = 0] = fingerprintOf('userId', id)
    return set.has(a, b)
  }
  expect(ids.filter(has)).toEqual(known)
})

test.each<[string, number[]]>([
  ['none', []],
  ['one', [7, 9]],
  ['zero', [0, 0]],
  ['half of zero', [0, 5, 5, 0]],
  ['the same twice', [3, 4, 3, 4]],
])('a set of fingerprints that is %s says no to what it has not got', (_which, halves) => {
  const set = new FingerprintSet(Uint32Array.from(halves))
  for (let i = 0; i < halves.length; i += 2) expect(set.has(halves[i] ?? -1, halves[i + 1] ?? -1)).toBe(true)
  expect(set.has(7, 10)).toBe(false)
  expect(set.has(8, 9)).toBe(false)
})

test('the copy in R2 is what was written, and an empty list where there is none', async () => {
  const bucket = new FakeBucket() as FakeBucket & R2Bucket
  expect(await readCopy(bucket)).toEqual({ version: 0, prints: new Uint32Array() })
  const list = new SuppressionList(new Sqlite().open())
  list.add([user('ada'), visitor('a-1')], 1)
  await writeCopy(list.snapshot, bucket)
  expect(await readCopy(bucket)).toEqual(list.snapshot)
})

test('a copy of the list that cannot be read is refused', async () => {
  const bucket = new FakeBucket() as FakeBucket & R2Bucket
  await bucket.put('suppression/list', new Uint8Array(7), { customMetadata: { version: '1' } })
  await expect(readCopy(bucket)).rejects.toThrow('suppression/list')
  await bucket.put('suppression/list', new Uint8Array(8))
  await expect(readCopy(bucket)).rejects.toThrow('suppression/list')
})

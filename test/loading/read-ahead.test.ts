import { expect, test } from 'vitest'
import type { StagedFile } from '../../src/core/bindings.ts'
import { readAhead } from '../../src/loading/read-ahead.ts'
import { UnreadableFile } from '../../src/loading/staged-events.ts'

const filesOf = (count: number): StagedFile[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `staging/tables/0/${n}-${n + 1}`,
    partition: 0,
    events: 1,
    bytes: 1_000,
  }))

/** A bucket that answers when it is told to. */
class Bucket {
  readonly asked: string[] = []
  readonly missing: ReadonlySet<string>
  #waiting: (() => void)[] = []

  constructor(missing: readonly string[] = []) {
    this.missing = new Set(missing)
  }

  readonly get = (async (key: string) => {
    this.asked.push(key)
    await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    if (this.missing.has(key)) return null
    return { arrayBuffer: async () => new TextEncoder().encode(key).buffer }
  }) as unknown as R2Bucket['get']

  get underWay(): number {
    return this.#waiting.length
  }

  async answer(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

test('files are read two at once, and come in their order', async () => {
  const files = filesOf(9)
  const bucket = new Bucket()
  const came: string[] = []
  const reading = (async () => {
    for await (const { file, bytes } of readAhead(files, bucket)) {
      expect(textOf(bytes)).toBe(file.key)
      came.push(file.key)
    }
  })()
  const underWay: number[] = []
  while (came.length < files.length) {
    underWay.push(bucket.underWay)
    await bucket.answer()
  }
  await reading
  expect(came).toEqual(files.map(({ key }) => key))
  expect(bucket.asked).toEqual(came)
  expect(Math.max(...underWay)).toBe(2)
  expect(underWay.length).toBeLessThanOrEqual(6)
})

test('a file that is missing is told when it is its turn, and not before', async () => {
  const files = filesOf(3)
  const bucket = new Bucket([files[1]?.key ?? ''])
  const came = readAhead(files, bucket)
  const first = came.next()
  await bucket.answer()
  expect((await first).value?.file).toBe(files[0])
  await expect(came.next()).rejects.toThrow(UnreadableFile)
})

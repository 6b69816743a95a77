import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import { log } from '../../src/streams/log.ts'
import { packedOrder } from '../support/sample-events.ts'
import { streamSuite } from './stream-suite.ts'

streamSuite({ driver: 'log', limits: log().limits })

test('several partitions say which of them takes events of a key; a single one is unavailable as a whole', async () => {
  const { partitionOf, append } = log({ partitions: 4 })
  const partitions: string[] = []
  const getByName = (name: string) => ({
    append: async () => (partitions.push(name), { accepted: 1, duplicates: 0 }),
  })
  const keys = ['anon-ada', 'anon-grace', 'anon-alan', 'anon-edsger', 'anon-barbara']
  for (const key of keys)
    await append([packedOrder('order-1', {}, { key })], { LOG: { getByName } } as unknown as Bindings)
  expect(new Set(partitions).size).toBeGreaterThan(1)
  expect(keys.map((key) => String(partitionOf?.(key)))).toEqual(partitions)
  expect(log().partitionOf).toBeUndefined()
})

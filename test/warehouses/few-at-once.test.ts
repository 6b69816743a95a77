import { expect, test } from 'vitest'
import { fewAtOnce } from '../../src/warehouses/few-at-once.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a few at once are begun in their order, never more than allowed, and each one once', async () => {
  const begun: number[] = []
  let underWay = 0
  let most = 0
  await fewAtOnce([1, 2, 3, 4, 5, 6, 7], {
    most: 3,
    work: async (one) => {
      begun.push(one)
      most = Math.max(most, ++underWay)
      await turn()
      underWay--
    },
  })
  expect({ begun, most, underWay }).toEqual({ begun: [1, 2, 3, 4, 5, 6, 7], most: 3, underWay: 0 })
})

test('a few at once begin none after a failure, and reject with it once nothing is under way', async () => {
  const begun: string[] = []
  const ended: string[] = []
  const work = async (one: string): Promise<void> => {
    begun.push(one)
    await turn()
    if (one === 'b') throw new Error('b is refused')
    await turn()
    ended.push(one)
  }
  await expect(fewAtOnce(['a', 'b', 'c', 'd', 'e'], { most: 3, work })).rejects.toThrow('b is refused')
  expect({ begun, ended }).toEqual({ begun: ['a', 'b', 'c'], ended: ['a', 'c'] })
})

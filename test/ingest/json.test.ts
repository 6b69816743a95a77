import { expect, test } from 'vitest'
import { parseJson } from '../../src/ingest/json.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

const id = '7615917337495251231'
const send = async (raw: string) => {
  const edge = fakeEdge()
  expect((await call(edge, '/v1/batch', { raw })).json()).toMatchObject({ success: true, accepted: 1 })
  return edge
}

test('ids that are larger than a number holds keep their digits, as text', async () => {
  const edge = await send(
    `{"batch":[{"type":"group","userId":${id},"groupId":${id},"anonymousId":-${id},"properties":{"order":${id},"total":39.95,"items":[${id},2]}}]}`,
  )
  expect(edge.events()).toMatchObject([
    { userId: id, groupId: id, anonymousId: `-${id}`, properties: { order: id, total: 39.95, items: [id, 2] } },
  ])
})

test('a time in nanoseconds is a time', async () => {
  const edge = await send('{"batch":[{"type":"track","event":"x","userId":"ada","timestamp":1732269600123456789}]}')
  expect(edge.events()).toMatchObject([{ timestamp: '2024-11-22T10:00:00.123Z' }])
})

test('digits in texts, numbers of Python and large ids go together', async () => {
  const edge = await send(
    `{"batch":[{"type":"track","event":"x","userId":"${id}","properties":{"a":NaN,"b":${id},"c":1e400,"d":"say \\"${id}\\" NaN"}}]}`,
  )
  expect(edge.events()).toMatchObject([
    { userId: id, properties: { a: null, b: id, c: '1e400', d: `say "${id}" NaN` } },
  ])
})

test('an ordinary batch is parsed in no more than thrice the time of JSON.parse alone', () => {
  const text = JSON.stringify({ batch: Array.from({ length: 20 }, (_, i) => orderCompleted({ messageId: `m-${i}` })) })
  const timeOf = (parse: (text: string) => unknown) => {
    const before = performance.now()
    for (let i = 0; i < 500; i++) parse(text)
    return performance.now() - before
  }
  const ratios = Array.from({ length: 7 }, () => {
    const plain = timeOf((one) => JSON.parse(one) as unknown)
    return timeOf(parseJson) / plain
  })
  expect(Math.min(...ratios)).toBeLessThan(3)
})

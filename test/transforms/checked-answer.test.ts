import { describe, expect, test } from 'vitest'
import { checkedAnswer } from '../../src/transforms/checked-answer.ts'

const event = (messageId: unknown): object => ({ type: 'track', messageId })
const answerOf = (answer: object): string => JSON.stringify(answer)
const unsaid = 'the isolate did not say what became of this event'
const noEvent = 'the isolate answered with what is no event'

describe('what an isolate answers', () => {
  test('an answer that is one is taken as it is', () => {
    const failed = [{ from: 2, message: 'no total', stack: 'Error: no total' }]
    expect(
      checkedAnswer(answerOf({ events: [event('a')], from: [0], dropped: [1], failed, logs: ['Log: a'] }), 3),
    ).toEqual({
      events: [{ event: event('a'), text: '{"type":"track","messageId":"a"}', from: 0 }],
      dropped: [1],
      failed,
      logs: ['Log: a'],
    })
  })

  test.each([
    undefined,
    null,
    7,
    { events: [event('a'), event('b')], from: [0, 1] },
    'x',
    '',
    '7',
    'null',
    '[]',
    '{}',
    answerOf({ events: 'x', from: {}, dropped: {}, failed: 7 }),
    answerOf({ events: [event('a'), event('b')] }),
    `${answerOf({ events: [event('a'), event('b')], from: [0, 1] })}\n{}`,
  ])('an answer that is none (%j) fails each event', (answer) => {
    const { events, dropped, failed } = checkedAnswer(answer, 2)
    expect([events, dropped]).toEqual([[], []])
    expect(failed.map(({ from, message }) => [from, message])).toEqual([
      [0, unsaid],
      [1, unsaid],
    ])
  })

  test.each([
    ['no object', '[]'],
    ['nothing', 'null'],
    ['no id', '{}'],
    ['an empty id', '{"messageId":""}'],
    ['a number as id', '{"messageId":7}'],
    ['a text', '"{}"'],
    ['more levels than can be written', `{"messageId":"a","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('an event that is %s fails, and no other', (_, hostile) => {
    const { events, failed } = checkedAnswer(`{"events":[${hostile},{"messageId":"b"}],"from":[0,1]}`, 2)
    expect(events.map(({ from }) => from)).toEqual([1])
    expect(failed).toEqual([{ from: 0, message: noEvent, stack: noEvent }])
  })

  test.each([-1, 2, 0.5, null, '0', undefined])(
    'what is said of an event that was not given (%j) counts for none',
    (from) => {
      const answer = answerOf({
        events: [event('a')],
        from: [from],
        dropped: [from],
        failed: [{ from, message: '', stack: '' }, null],
      })
      expect(checkedAnswer(answer, 1)).toEqual({
        events: [],
        dropped: [],
        failed: [{ from: 0, message: unsaid, stack: unsaid }],
      })
    },
  )

  test('what is said twice of an event counts once: an event before a drop, one failure', () => {
    const failure = (from: number) => ({ from, message: 'no', stack: 'no' })
    const answer = answerOf({
      events: [event('a')],
      from: [0],
      dropped: [0, 1, 1, 2],
      failed: [failure(2), failure(2)],
    })
    expect(checkedAnswer(answer, 3)).toMatchObject({ events: [{ from: 0 }], dropped: [1], failed: [failure(2)] })
  })

  test('text is what we write of the event: no line and no escape in it hides another event or a prototype', () => {
    const hostile =
      '{ "messageId":"b",\n"messageId":\n"a","\\u005f_proto__":{"isAdmin":true},"constructor" : {"prototype":{"x":1}} }'
    const { events } = checkedAnswer(`{"events":[${hostile}],"from":[0],"__proto__":{"dropped":[0]}}`, 1)
    expect(events.map((one) => one.text)).toEqual(['{"messageId":"a","constructor":{}}'])
  })

  test('what an error says is cut, and is text', () => {
    const failed = [
      { from: 0, message: 'x'.repeat(1_000_000), stack: 'y'.repeat(1_000_000) },
      { from: 1, message: {}, stack: [1] },
    ]
    expect(checkedAnswer(answerOf({ failed }), 2).failed).toEqual([
      { from: 0, message: 'x'.repeat(4_000), stack: 'y'.repeat(4_000) },
      { from: 1, message: '', stack: '' },
    ])
  })
})

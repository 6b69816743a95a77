import { describe, expect, test } from 'vitest'
import { diffReport } from '../../scripts/transforms/diff-report.ts'
import {
  addPage,
  type DiffEvent,
  type DiffPage,
  differencesOf,
  emptyTally,
  kindOf,
  type Made,
} from '../../scripts/transforms/diff-tally.ts'

const order = (properties: object = {}, more: object = {}) => ({
  type: 'track',
  event: 'Order Completed',
  messageId: 'order-1843',
  properties,
  ...more,
})
const out = (...events: object[]): Made => ({ events })
const thrown = (message: string): Made => ({ error: { message, stack: `Error: ${message}\n    at user.js:1:2` } })

const pair = (deployed: Made, copy: Made, more: Partial<DiffEvent> = {}): DiffEvent => ({
  messageId: 'order-1843',
  source: 'web',
  receivedAt: '2026-11-22T10:00:00.500Z',
  event: 'Order Completed',
  deployed,
  copy,
  ...more,
})

const page = (events: readonly DiffEvent[], more: Partial<DiffPage> = {}): DiffPage => ({
  deployed: [{ kind: 'source', name: 'web' }],
  progress: { partition: 0, partitions: 1, offset: 9, head: 9 },
  read: events.length,
  compared: events.length,
  unchanged: 0,
  events,
  cursor: null,
  ...more,
})

const tallied = (pages: readonly DiffPage[], samples = 3) => {
  const tally = emptyTally()
  for (const one of pages) addPage(tally, one, { samples, showStack: (stack) => stack.replace('user.js', 'euros.ts') })
  return tally
}
const subject = { name: 'euros', from: '2026-11-15T10:00:00.000Z', to: '2026-11-22T10:00:00.000Z', source: 'web' }

describe('a change of one event', () => {
  test.each([
    ['unchanged', out(order({ a: 1, b: 2 })), out(order({ b: 2, a: 1 }))],
    ['unchanged', out(), out()],
    ['changed', out(order({ a: 1 })), out(order({ a: 2 }))],
    ['changed', out(order(), order()), out(order())],
    ['dropped', out(order()), out()],
    ['dropped', thrown('no total'), out()],
    ['multiplied', out(order()), out(order(), order())],
    ['restored', out(), out(order())],
    ['restored', thrown('no total'), out(order(), order())],
    ['failed', out(order()), thrown('no total')],
    ['failed', thrown('no total'), thrown('no total')],
  ])('a change is called %s', (kind, deployed, copy) => {
    expect(kindOf(deployed, copy)).toBe(kind)
  })

  test('a change is told by fields, whatever their names are, and places in lists are one field', () => {
    const before = JSON.parse('{"properties":{"products":[{"price":1},{"price":2}],"__proto__":{"a":1},"gone":null}}')
    const after = JSON.parse('{"properties":{"products":[{"price":1},{"price":3},{}],"__proto__":{"a":2},"new":[]}}')
    expect(differencesOf([before], [after])).toEqual([
      { path: 'properties.products[].price', how: 'changed', deployed: 2, copy: 3 },
      { path: 'properties.products[]', how: 'added', copy: {} },
      { path: 'properties.__proto__.a', how: 'changed', deployed: 1, copy: 2 },
      { path: 'properties.gone', how: 'removed', deployed: null },
      { path: 'properties.new', how: 'added', copy: [] },
    ])
  })
})

describe('the tally of a change', () => {
  test('the tally counts events of all pages, a field once for each event, and keeps as many samples as asked', () => {
    const many = Array.from({ length: 5 }, (_, i) =>
      pair(out(order({ list: [1, 2] })), out(order({ list: [3, 4] })), { messageId: `order-${i}` }),
    )
    const tally = tallied([page(many, { compared: 12, unchanged: 7 }), page(many)], 2)
    expect(tally).toMatchObject({ compared: 17, counts: { unchanged: 7, changed: 10, failed: 0 } })
    expect(tally.fields).toMatchObject([{ path: 'properties.list[]', events: 10, changed: 20, added: 0 }])
    expect(tally.fields[0]?.samples).toMatchObject([
      { messageId: 'order-0', deployed: 1, copy: 3 },
      { messageId: 'order-1', deployed: 1, copy: 3 },
    ])
    expect(Object.values(tally.counts).reduce((sum, one) => sum + one)).toBe(tally.compared)
  })

  test('the tally has room for so many fields and causes, and counts what is beyond', () => {
    const wide = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`field${i}`, i]))
    const causes = Array.from({ length: 150 }, (_, i) => pair(out(order()), thrown(`total ${i} is text`)))
    const tally = tallied([page([pair(out(order()), out(order(wide))), ...causes])])
    expect([tally.fields.length, tally.moreFields]).toEqual([500, 100])
    expect([tally.causes.length, tally.moreCauses, tally.counts.failed]).toEqual([100, 50, 150])
  })
})

describe('the report of a change', () => {
  const whole = page(
    [
      pair(out(order({ total: 1 })), out(order({ total: 2, currency: 'EUR' }))),
      pair(out(order()), out(), { messageId: 'order-2' }),
      pair(out(order()), out(order(), order()), { messageId: 'order-3' }),
      pair(out(), out(order()), { messageId: 'order-4' }),
      pair(thrown('no total'), thrown('no total'), { messageId: 'order-5' }),
      pair(out(order()), thrown('no total'), { messageId: 'order-6' }),
    ],
    { compared: 1_206, unchanged: 1_200 },
  )

  test('the report says how many of the events are dead letters, which are as they were sent', () => {
    const letters = page([pair(thrown('no total'), out(order({ total: 1 })))], { progress: { letters: 1 } })
    expect(diffReport(tallied([whole, letters]), subject)).toContain(
      '- Dead letters of `web` among these events: 1. Both versions got them as they were sent, after the transforms that stand before it.',
    )
  })

  test('the report says what became of the events, with samples side by side, the causes, and what it was compared with', () => {
    expect(diffReport(tallied([whole]), subject)).toBe(
      `## Transform \`euros\`: working copy and deployed version

6 of 1,206 events of the source \`web\` that were kept between 2026-11-15T10:00:00.000Z and 2026-11-22T10:00:00.000Z come out differently.

|  | events | what that is |
| --- | --- | --- |
| unchanged | 1,200 | the same comes out, or nothing in both |
| changed | 1 | fields are not the same |
| dropped | 1 | the working copy drops it |
| multiplied | 1 | another number of events comes out |
| restored | 1 | the deployed version drops it or fails at it, the working copy does not |
| failed | 2 | the working copy throws |

### Changed fields

| field | events | values |
| --- | --- | --- |
| \`properties.total\` | 1 | 1 changed |
| \`properties.currency\` | 1 | 1 added |

| field | event | deployed | working copy |
| --- | --- | --- | --- |
| \`properties.total\` | \`Order Completed\` \`order-1843\` | \`1\` | \`2\` |
| \`properties.currency\` | \`Order Completed\` \`order-1843\` | – | \`"EUR"\` |

### Failed

| cause | events | of these in the deployed version, too | such as |
| --- | --- | --- | --- |
| \`no total\` | 2 | 1 | \`Order Completed\` \`order-5\`<br>\`Order Completed\` \`order-6\` |

\`\`\`text
Error: no total
    at euros.ts:1:2
\`\`\`

### Dropped

| event | source | received | deployed | working copy |
| --- | --- | --- | --- | --- |
| \`Order Completed\` \`order-2\` | \`web\` | 2026-11-22T10:00:00.500Z | 1 | 0 |

### Multiplied

| event | source | received | deployed | working copy |
| --- | --- | --- | --- | --- |
| \`Order Completed\` \`order-3\` | \`web\` | 2026-11-22T10:00:00.500Z | 1 | 2 |

### Restored

| event | source | received | deployed | working copy |
| --- | --- | --- | --- | --- |
| \`Order Completed\` \`order-4\` | \`web\` | 2026-11-22T10:00:00.500Z | 0 | 1 |

### How it was compared

- Of \`web\`, the log has events as the deployed transforms of the source left them. Both versions got these, and ran on what the deployed version had made already. What it dropped is kept nowhere, so it is not among them.
- Of \`web\`, no dead letter of transforms is kept.
- The working copy ran in an isolate without a network. Nothing was stored, and nothing was delivered.`,
    )
  })

  test('the report shows nothing of the events where no samples are wanted', () => {
    const report = diffReport(tallied([whole], 0), subject)
    expect(report).not.toMatch(/order-\d|EUR/)
    expect(report).toContain('| `properties.currency` | 1 | 1 added |')
  })

  test('the report is not broken by what stands in an event', () => {
    const hostile = 'a | b ``c`` <img src=x>\n## Approved'
    const events = [
      pair(out(order({ a: 1 })), out(order({ a: hostile })), { event: hostile }),
      pair(out(order()), thrown(hostile)),
    ]
    const report = diffReport(tallied([page(events)]), subject)
    expect(report).toContain(String.raw`\`\`\` a \| b \`\`c\`\` <img src=x> ## Approved \`\`\``.replaceAll('\\`', '`'))
    // Within the block of the stack alone.
    expect(report.match(/^## /gm)).toHaveLength(2)
  })

  test('the report says so where the events went to a destination, and where the deployment has no such transform', () => {
    const target = { deployed: [{ kind: 'destination' as const, name: 'crm' }] }
    expect(diffReport(tallied([page([], target)]), subject)).toContain(
      'For `crm`, both versions got the events as the log has them. Privacy rules, the filter and transforms that stand before it did not run.',
    )
    const none = diffReport(tallied([page([], { deployed: [] })]), subject)
    expect(none).toContain('No kept event of the source `web` between')
    expect(none).toContain('The deployment has no transform of this name')
  })
})

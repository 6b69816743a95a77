import { expect, test } from 'vitest'
import type { Event } from '../../../src/core/event.ts'
import { metadataOfOrder, pythonOf } from '../../support/python.ts'

const order = { type: 'track', event: 'Order Completed', messageId: 'order-1843', userId: 'ada' }
const given = (properties: object): Event => ({ ...order, properties }) as Event

const run = (source: string, properties: object, options: Parameters<typeof pythonOf>[1] = {}): unknown =>
  pythonOf(source, options).transformEvent?.(given(properties), metadataOfOrder)

const thrown = (work: () => unknown): Error => {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

test('transformEvent gets the event and its metadata, and what it returns comes back', () => {
  const source = `
def transformEvent(event, metadata):
    event["properties"]["total"] = event["properties"]["cents"] / 100
    event["context"] = {"source": metadata(event)["sourceName"], "other": metadata({"messageId": "no"})}
    return event
`
  expect(run(source, { cents: 12_990, note: 'für Ada 💥', deep: [{ a: null, b: true, c: 1e21 }] })).toEqual({
    ...order,
    properties: { cents: 12_990, total: 129.9, note: 'für Ada 💥', deep: [{ a: null, b: true, c: 1e21 }] },
    context: { source: 'web', other: {} },
  })
})

test.each([
  ['None', null],
  ['[event, {"event": "Second"}]', [order, { event: 'Second' }]],
  ['[]', []],
  ['"text"', 0],
  ['lambda: 1', 0],
  ['[event, "text"]', [order, 'text']],
  ['(event, None)', [order, null]],
  ['{"a": float("nan"), 7: float("inf"), None: (1, 2)}', { a: null, 7: null, null: [1, 2] }],
])('a return value of Python crosses as what RudderStack judges: %s', (returns, becomes) => {
  const source = `def transformEvent(event, metadata):\n    del event["properties"]\n    return ${returns}\n`
  expect(run(source, {})).toEqual(becomes)
})

test('transformBatch gets all events and returns a list', () => {
  const source = 'def transformBatch(events, metadata):\n    return [{**e, "n": len(events)} for e in events[1:]]\n'
  const events = ['order-1', 'order-2'].map((messageId) => ({ ...order, messageId }) as Event)
  expect(pythonOf(source).transformBatch?.(events, metadataOfOrder)).toEqual([{ ...order, messageId: 'order-2', n: 2 }])
})

test('an exception has the traceback of Python, with file and line of the transform and of its library', () => {
  const source = `from myHelpers import total

def transformEvent(event, metadata):
    # {**a} is written otherwise, and lines stay
    event = {
        **event,
    }
    return total(event)
`
  const libraries = { myHelpers: 'def total(event):\n    return event["properties"]["total"]\n' }
  const { message, stack } = thrown(() => run(source, {}, { libraries }))
  expect(message).toBe('KeyError: total')
  expect(stack).toBe(
    [
      'Traceback (most recent call last):',
      '  File "transforms/score.py", line 8, in transformEvent',
      '  File "transforms/libraries/myHelpers.py", line 2, in total',
      'KeyError: total',
    ].join('\n'),
  )
})

test.each([
  ['def transformEvent(event, metadata)\n    return event\n', 'SyntaxError: invalid syntax', 'line 1'],
  [
    'import pandas\ndef transformEvent(event, metadata):\n    return event\n',
    "ImportError: no module named 'pandas'",
    'line 1',
  ],
  [
    'raise ValueError("no rates")\ndef transformEvent(event, metadata):\n    return event\n',
    'ValueError: no rates',
    'line 1',
  ],
  [
    'def transformEvent(event, metadata):\n    return {"a": {1, 2}}\n',
    'TypeError: Object of type set is not JSON serializable',
    '',
  ],
  [
    'def transformEvent(event, metadata):\n    a = {}\n    a["a"] = a\n    return a\n',
    'RuntimeError: maximum recursion depth exceeded',
    '',
  ],
  ['def transformEvent(event, metadata):\n    return open("/etc/passwd")\n', 'OSError: 44', 'line 2'],
])('code that cannot run says why: %s', (source, message, where) => {
  const error = thrown(() => run(source, {}))
  expect(error.message).toContain(message)
  expect(error.stack).toContain(where)
})

test('an event that takes all memory, or recurses without end, harms no other', () => {
  const { transformEvent } = pythonOf(`
seen = []
def deep(n):
    return deep(n + 1)
def transformEvent(event, metadata):
    what = event["properties"]["what"]
    if what == "memory":
        seen.append("a" * 100000000)
    if what == "list":
        held = []
        while True:
            held.append([1] * 10000)
    if what == "deep":
        deep(0)
    if what == "exit":
        raise SystemExit
    return event
`)
  const outcomes = ['memory', 'fine', 'list', 'fine', 'deep', 'fine', 'exit', 'fine'].map((what) => {
    try {
      return transformEvent?.(given({ what }), metadataOfOrder) === undefined ? 'nothing' : 'ok'
    } catch (error) {
      return (error as Error).message.split(':')[0]
    }
  })
  expect(outcomes).toEqual(['MemoryError', 'ok', 'MemoryError', 'ok', 'RuntimeError', 'ok', 'SystemExit', 'ok'])
})

test('memory stays bounded over many events', () => {
  const { transformEvent } = pythonOf(
    'def transformEvent(event, metadata):\n    waste = [str(i) * 20 for i in range(2000)]\n    return {"n": len(waste)}\n',
  )
  for (let i = 0; i < 300; i++) expect(transformEvent?.(given({}), metadataOfOrder)).toEqual({ n: 2000 })
})

test('log writes lines as in JavaScript, and getCredential finds what the options give', () => {
  const lines: unknown[] = []
  const source = `
def transformEvent(event, metadata):
    log("total", 1.5, {"a": None})
    try:
        getCredential(None)
    except TypeError as error:
        reason = str(error)
    return {"key": getCredential("apiKey"), "none": getCredential("other"), "reason": reason}
`
  const globals = {
    log: (...values: unknown[]) => lines.push(values),
    getCredential: (key: unknown) => (key === 'apiKey' ? 'k-1' : undefined),
  }
  expect(run(source, {}, { globals })).toEqual({ key: 'k-1', none: null, reason: 'Key should be valid and defined' })
  expect(lines).toEqual([['total 1.5 {"a": null}']])
})

test('requests asks, one after the other, with the answer of each and the same random numbers', async () => {
  const asked: unknown[] = []
  const source = `
import requests, random
def transformEvent(event, metadata):
    token = random.random()
    log("once")
    plan = requests.get("https://api.example.com/plan", params={"user": "ada l"}, headers={"X-A": "b"}).json()["plan"]
    made = requests.post("https://api.example.com/make", json={"plan": plan, "token": token})
    try:
        requests.get("https://down.example.com")
    except requests.exceptions.ConnectionError as error:
        reason = str(error)
    try:
        made.raise_for_status()
    except requests.HTTPError as error:
        status = str(error)
    return {"plan": plan, "status": status, "type": made.headers["Content-Type"], "token": token, "reason": reason}
`
  const lines: unknown[] = []
  const result = (await run(
    source,
    {},
    {
      globals: {
        log: (line) => lines.push(line),
        fetchV2: (url, init = {}) => {
          asked.push([init.method, url, init.headers, init.body])
          if (url.startsWith('https://down')) return Promise.reject(new Error('no way there'))
          const status = init.method === 'GET' ? 200 : 404
          return Promise.resolve({
            url,
            status,
            headers: { 'content-type': 'application/json' },
            body: { plan: 'pro' },
          })
        },
      },
    },
  )) as { readonly token: number }
  expect(result).toEqual({
    plan: 'pro',
    status: '404 Client Error: Not Found for url: https://api.example.com/make',
    type: 'application/json',
    token: expect.any(Number),
    reason: 'no way there',
  })
  expect(asked).toEqual([
    ['GET', 'https://api.example.com/plan?user=ada+l', { 'x-a': 'b' }, undefined],
    [
      'POST',
      'https://api.example.com/make',
      { 'content-type': 'application/json' },
      expect.stringContaining(`"token": ${result.token}`),
    ],
    ['GET', 'https://down.example.com', {}, undefined],
  ])
  expect(lines).toEqual(['once'])
})

test('a call that logs without end is heard in part, and waits for no clock', () => {
  const source = `
import time
def transformEvent(event, metadata):
    for i in range(3000):
        log("x" * 1000)
    time.sleep(3600)
    return event
`
  const heard: unknown[] = []
  run(source, {}, { globals: { log: (line) => void heard.push(line) } })
  expect(heard).toHaveLength(1_000)
})

test('keys of an event keep their order through Python, and those that it adds follow', () => {
  const properties = {
    zebra: 1,
    total: 129.9,
    apple: { y: 1, x: [{ sku: 'loom-1', price: 2, a: 3 }], b: 2 },
    Order: 'b',
    a: null,
    coupon: 'LOOM10',
  }
  const source = (returns: string) => `def transformEvent(event, metadata):\n    return ${returns}\n`
  const whole = JSON.stringify(given(properties))
  expect(JSON.stringify(run(source('event'), properties))).toBe(whole)
  expect(JSON.stringify(run(source('[event, {**event}]'), properties))).toBe(`[${whole},${whole}]`)
  expect(JSON.stringify(run(source('{"added": 1, **event}'), properties))).toBe(`${whole.slice(0, -1)},"added":1}`)
  expect(JSON.stringify(run(source('{"userId": "ada", "__proto__": {"isAdmin": True}}'), properties))).toBe(
    '{"userId":"ada"}',
  )
  const { transformBatch } = pythonOf(
    'def transformBatch(events, metadata):\n    return list(reversed(events)) + [{"n": 1}]\n',
  )
  const events = ['a', 'b'].map((messageId) => ({ ...given(properties), messageId }))
  const [a, b] = events.map((event) => JSON.stringify(event))
  expect(JSON.stringify(transformBatch?.(events as Event[], metadataOfOrder))).toBe(`[${b},${a},{"n":1}]`)
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../../src/core/event.ts'
import { type ContractWorker, startContract } from '../../support/contract.ts'

let worker: ContractWorker
let url: string
const server = createServer((request, response) => {
  if (request.url?.endsWith('/never') !== true)
    response.setHeader('content-type', 'application/json').end('{"plan":"pro"}')
})
beforeAll(async () => {
  worker = await startContract({
    'returns.py': `
def transformEvent(event, metadata):
    returns = event["properties"]["returns"]
    if returns == "itself": return event
    if returns == "another": return {**event, "event": "Another"}
    if returns == "None": return None
    if returns == "nothing": return
    if returns == "empty list": return []
    if returns == "list": return [event, {**event, "event": "Second"}]
    if returns == "list with text": return [event, "text"]
    if returns == "nested list": return [[event]]
    if returns == "text": return "text"
    if returns == "number": return 42
    if returns == "raises": raise ValueError("no total")
    if returns == "name error": return notThere(event)
    if returns == "no id":
        del event["messageId"]
        return event
    if returns == "number as id": return {**event, "messageId": 7}
    if returns == "other id": return {**event, "messageId": "of-my-own"}
    if returns == "NaN": return {**event, "properties": {"value": float("nan")}}
    if returns == "set": return {**event, "properties": {"value": {1}}}
    if returns == "proto": return {**event, "__proto__": {"isAdmin": True}}
    if returns == "metadata": return {**event, "properties": metadata(event)}
`,
    'batch.py': `
def transformBatch(events, metadata):
    returns = events[0]["properties"]["returns"]
    if returns == "reversed": return list(reversed(events))
    if returns == "dict": return {}
    if returns == "with text": return ["text", *events[1:]]
    if returns == "raises": raise ValueError("no batch today")
    if returns == "lost ids": return [{"type": "track", "event": "New"} for event in events]
`,
    'asks.py': `
import requests
from myHelpers import plan_of
def transformEvent(event, metadata):
    try:
        plan = plan_of(event["properties"]["url"], requests)
    except requests.RequestException as error:
        plan = "refused"
    return {**event, "properties": {"plan": plan, "key": getCredential("apiKey")}}
`,
    'waits.py': `
import requests
def transformEvent(event, metadata):
    try:
        requests.get(event["properties"]["url"] + "/never", timeout=0.2)
    except requests.exceptions.Timeout:
        event["properties"] = {"plan": "late"}
    return event
`,
    'libraries/my-helpers.py': 'def plan_of(url, requests):\n    return requests.get(url).json()["plan"]\n',
    'broken.py': 'rates = {}["EUR"]\ndef transformEvent(event, metadata):\n    return event\n',
    'fails.py': `from myHelpers import plan_of
def transformEvent(event, metadata):
    return plan_of(None, Nobody)
class Nobody:
    @staticmethod
    def get(url):
        return None
`,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plan`
})
afterAll(async () => {
  await worker.stop()
  server.closeAllConnections()
  server.close()
})

const order = (returns: string, messageId = 'order-1843'): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  userId: 'ada',
  properties: { returns },
})

const noObject = 'returned event from transformEvent(event) is not an object'
const noObjects = 'returned event in events array from transformEvent(event) is not an object'
const noArray = 'returned events from transformBatch(event) is not an array'

/** What `transformEvent` returns, and what becomes of its event: events, `dropped`, or the message of the error. */
const returned: readonly (readonly [returns: string, becomes: string | readonly object[]])[] = [
  ['itself', [{ event: 'Order Completed', messageId: 'order-1843' }]],
  ['another', [{ event: 'Another', messageId: 'order-1843' }]],
  ['None', 'dropped'],
  ['nothing', 'dropped'],
  ['empty list', 'dropped'],
  ['list', [{ messageId: 'order-1843' }, { event: 'Second', messageId: 'order-1843~1' }]],
  ['list with text', noObjects],
  ['nested list', noObjects],
  ['text', noObject],
  ['number', noObject],
  ['raises', 'ValueError: no total'],
  ['name error', "NameError: name 'notThere' isn't defined"],
  ['no id', [{ messageId: 'order-1843' }]],
  ['number as id', [{ messageId: 'order-1843' }]],
  ['other id', [{ messageId: 'of-my-own' }]],
  ['NaN', [{ properties: { value: null } }]],
  ['set', 'TypeError: Object of type set is not JSON serializable'],
  ['proto', [{ messageId: 'order-1843' }]],
  [
    'metadata',
    [
      {
        properties: {
          sourceName: 'web',
          sourceType: 'HTTP',
          destinationName: 'crm',
          destinationType: 'WEBHOOK',
          workspaceId: 'sluiceway',
          messageId: 'order-1843',
        },
      },
    ],
  ],
]

describe.each(['inline', 'isolated'] as const)('the contract of transforms in Python, %s', (way) => {
  test('transformEvent in Python: each return value has its outcome, and harms no other', async () => {
    const events = returned.map(([returns], i) => order(returns, `order-${i}`))
    const ran = await worker.run({ transforms: ['returns'], way, events })
    for (const [i, [returns, becomes]] of returned.entries()) {
      const error = ran.failed.find(({ index }) => index === i)?.error.message
      const found = ran.events.filter(({ index }) => index === i).map(({ event }) => event)
      const dropped = ran.dropped.some(({ index }) => index === i)
      const expected = JSON.parse(JSON.stringify(becomes).replaceAll('order-1843', `order-${i}`)) as unknown
      expect(dropped ? 'dropped' : (error ?? found), returns).toEqual(
        Array.isArray(expected) ? expected.map((one: object) => expect.objectContaining(nested(one))) : expected,
      )
    }
  })

  test.each([
    ['reversed', { events: ['order-2', 'order-1'] }],
    ['dict', { failed: [noArray, noArray] }],
    [
      'with text',
      { events: ['order-2'], failed: ['returned event in events array from transformBatch(events) is not an object'] },
    ],
    ['raises', { failed: ['ValueError: no batch today', 'ValueError: no batch today'] }],
    ['lost ids', { events: ['order-1', 'order-1~1'], dropped: [1] }],
  ])('transformBatch in Python: what becomes of a batch for which it returns %s', async (returns, becomes) => {
    const events = ['order-1', 'order-2'].map((id) => order(returns, id))
    const ran = await worker.run({ transforms: ['batch'], way, events })
    expect({
      events: ran.events.map(({ event }) => event.messageId),
      dropped: ran.dropped.map(({ index }) => index),
      failed: ran.failed.map(({ error }) => error.message),
    }).toEqual({ events: [], dropped: [], failed: [], ...becomes })
  })

  test('requests asks hosts that the options name, and no other', async () => {
    const event = { ...order(''), properties: { url } }
    const call = { transforms: ['asks'], way, events: [event] }
    const credentials = { apiKey: 'k-1' }
    const allowed = await worker.run({ ...call, options: { fetch: ['127.0.0.1'], allowPrivate: true, credentials } })
    expect(allowed.events.map((one) => one.event.properties)).toEqual([{ plan: 'pro', key: 'k-1' }])
    const refused = await worker.run({ ...call, options: { credentials } })
    expect(refused.events.map((one) => one.event.properties)).toEqual([{ plan: 'refused', key: 'k-1' }])
  })

  test('what requests is given as its timeout raises Timeout where no answer comes', async () => {
    const options = { fetch: ['127.0.0.1'], allowPrivate: true }
    const events = [{ ...order(''), properties: { url } }]
    const ran = await worker.run({ transforms: ['waits'], way, events, options })
    expect([ran.events.map((one) => one.event.properties), ran.failed]).toEqual([[{ plan: 'late' }], []])
  })

  test('an error has the traceback of Python; a module that cannot be loaded fails its events', async () => {
    const failing = await worker.run({ transforms: ['fails'], way, events: [order('')] })
    expect(failing.failed[0]?.error).toEqual({
      message: "AttributeError: 'NoneType' object has no attribute 'json'",
      stack: [
        'Traceback (most recent call last):',
        '  File "transforms/fails.py", line 3, in transformEvent',
        '  File "transforms/libraries/my-helpers.py", line 2, in plan_of',
        "AttributeError: 'NoneType' object has no attribute 'json'",
      ].join('\n'),
    })
    const broken = await worker.run({ transforms: ['broken'], way, events: [order(''), order('', 'order-2')] })
    expect(broken.failed.map(({ error }) => error.message)).toEqual(['KeyError: EUR', 'KeyError: EUR'])
    expect(broken.failed[0]?.error.stack).toContain('File "transforms/broken.py", line 1, in <module>')
  })
})

/** Matches what is within `properties` in part, too. */
const nested = (one: object): object =>
  Object.fromEntries(
    Object.entries(one).map(([key, value]) => [
      key,
      typeof value === 'object' ? (expect.objectContaining(value as object) as unknown) : (value as unknown),
    ]),
  )

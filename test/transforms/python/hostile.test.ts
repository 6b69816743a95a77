// What docs/isolation.md says of hostile code in Python, in the real runtime: what it reads, reaches, changes and uses up.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../../src/core/event.ts'
import type { TransformRun } from '../../../src/transforms/run.ts'
import { type ContractCall, type ContractWorker, seenInPlaces, startContract } from '../../support/contract.ts'

const code: Readonly<Record<string, string>> = {
  'reads.py': `
import sys
def host_names():
    import js
    return sorted([name for name in dir(js) if name[:2] != "__"])
def of_host(name):
    import js
    return getattr(js, name)
def proxy():
    import jsffi
    return jsffi.create_proxy(lambda: 1)
def system():
    import os
    return os.system("id")
def environment():
    import os
    return os.environ
def files():
    import os
    return os.listdir("/")
def prototype(kind):
    from _sluiceway import ask
    return ask(kind, "messageId")
ways = {
    "names of the host": host_names,
    "process": lambda: of_host("process"),
    "globalThis": lambda: of_host("globalThis"),
    "fetch": lambda: of_host("fetch"),
    "constructor": lambda: of_host("constructor"),
    "a proxy": proxy,
    "processes": system,
    "environment": environment,
    "folders": files,
    "a file": lambda: open("/bundle/index.js").read(),
    "writing": lambda: open("/tmp/left", "w"),
    "own file": lambda: open("_transform.py").readline(),
    "code from text": lambda: eval("6 * 7"),
    "credential": lambda: [getCredential("apiKey"), getCredential("other"), getCredential("constructor")],
    "answers of Object.prototype": lambda: [prototype("constructor"), prototype("valueOf"), prototype("__proto__")],
}
def transformEvent(event, metadata):
    try:
        answer = ways[event["properties"]["reads"]]()
    except Exception as error:
        answer = {"refused": type(error).__name__}
    return {**event, "properties": {"answer": answer}}
`,
  'reaches.py': `
import requests
def transformEvent(event, metadata):
    try:
        answer = requests.get(event["properties"]["url"]).text
    except requests.RequestException as error:
        answer = {"refused": str(error)}
    return {**event, "properties": {"answer": answer}}
`,
  'marks.py': `
import builtins, json, _sluiceway
seen = []
def transformEvent(event, metadata):
    if event["properties"].get("does") == "spoil":
        builtins.spoiled = builtins.len = lambda value: "yes"
        json.spoiled = "yes"
        _sluiceway.spoiled = "yes"
    seen.append(event["userId"])
    return {**event, "properties": {"seen": seen, "own": len("no")}}
`,
  'looks.py': `
import json, _sluiceway
def transformEvent(event, metadata):
    found = [getattr(module, "spoiled", "no") for module in (json, _sluiceway)] + [len("no")]
    return {**event, "properties": {"found": found}}
`,
  'looks-too.js': `
export const transformEvent = (event) => ({ ...event, properties: { own: ({}).spoiled ?? 'no', isAdmin: ({}).isAdmin ?? 'no' } })
`,
  'breaks.py': `
import sys, _sluiceway
import js as port
def deep(depth):
    out = []
    for i in range(depth):
        out = [out]
    return out
def forever(n):
    return forever(n + 1)
def memory():
    kept = []
    while True:
        kept.append(bytearray(1000000))
def answers_itself(event):
    port.output = '{"type":"track","messageId":"forged","userId":"forged"}'
    port.error = "forged"
    raise ValueError("own error")
def many_lines():
    for i in range(5000):
        log("x" * 1000)
def many_patterns(event):
    import re
    for i in range(50):
        re.compile("a" * 5000 + str(i))
def corrupts():
    import uctypes
    for at in range(1000, 3000000, 7):
        uctypes.bytearray_at(at, 1)[0] = 255
def suspends():
    raise _sluiceway._Suspended()
does = {
    "recurses": lambda event: forever(0),
    "takes memory": lambda event: memory(),
    "is deep": lambda event: {**event, "properties": deep(100000)},
    "exits": lambda event: sys.exit(1),
    "asks for a proxy": lambda event: __import__("jsffi").create_proxy(lambda: 1),
    "corrupts": lambda event: corrupts(),
    "suspends": lambda event: suspends(),
    "answers itself": answers_itself,
    "writes many lines": lambda event: many_lines(),
    "compiles many patterns": many_patterns,
    "sleeps": lambda event: __import__("time").sleep(86400),
    "waits": lambda event: __import__("utime").sleep_ms(86400000),
    "pollutes": lambda event: {**event, "__proto__": {"isAdmin": "yes"}, "constructor": {"prototype": {"isAdmin": "yes"}}},
}
def transformEvent(event, metadata):
    what = event["properties"].get("does")
    return event if what is None else (does[what](event) or event)
`,
}

/** Takes the place of what calls the function, and answers for it. */
const forgeries = {
  'forges.py': `setattr(port, "output", '{"type":"track","messageId":"forged","userId":"forged"}')`,
  'forges-no-text.py': 'setattr(port, "output", 7)',
  'forges-no-error.py': 'setattr(port, "error", None)',
  'forges-nothing.py': 'None',
}
const forging = Object.entries(forgeries).map(([name, answer]) => [
  name,
  `
import __main__
import js as port
def transformEvent(event, metadata):
    __main__._run = lambda: ${answer}
    return event
`,
])

let worker: ContractWorker
let port: number
let asked: string[] = []
const server = createServer((request, response) => {
  asked.push(request.url ?? '')
  if (request.url === '/redirect') response.writeHead(302, { location: `http://localhost:${port}/secret` }).end()
  else response.end('secret')
})
beforeAll(async () => {
  worker = await startContract({ ...code, ...Object.fromEntries(forging) }, ['looks-too'])
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
}, 60_000)
beforeEach(() => {
  asked = []
})
afterAll(async () => {
  await worker?.stop()
  server.close()
})

type Way = 'inline' | 'isolated'
const both: readonly Way[] = ['inline', 'isolated']
const order = (properties: Record<string, unknown>, messageId = 'order-1843'): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  userId: 'ada',
  properties,
})
const run = (
  transform: string,
  events: readonly Event[],
  more: Partial<Omit<ContractCall, 'transforms' | 'events'>> = {},
): Promise<TransformRun> => worker.run({ transforms: [transform], way: 'isolated', events, ...more })
const propertiesOf = (ran: TransformRun): unknown[] => {
  expect(ran.failed).toEqual([])
  return ran.events.map(({ event }) => event.properties)
}

describe.each(both)('hostile Python, %s', (way) => {
  test('reads no environment, file, process or secret, and of JavaScript only what it is given for its call', async () => {
    const options = { credentials: { apiKey: 'key-of-ada' } }
    const read = async (reads: string) =>
      (propertiesOf(await run('reads', [order({ reads })], { way, options }))[0] as { answer: unknown }).answer
    expect(await read('names of the host')).toEqual(['function', 'input', 'metadata', 'result', 'seed', 'shared'])
    for (const name of ['process', 'globalThis', 'fetch', 'constructor'])
      expect(await read(name), name).toEqual({ refused: 'AttributeError' })
    for (const name of ['processes', 'environment'])
      expect(await read(name), name).toEqual({ refused: 'AttributeError' })
    for (const name of ['folders', 'a file', 'writing']) expect(await read(name), name).toEqual({ refused: 'OSError' })
    expect(await read('own file')).toBe('\n')
    expect(await read('code from text')).toBe(42)
    expect(await read('credential')).toEqual(['key-of-ada', null, null])
    expect(await read('answers of Object.prototype')).toEqual([null, null, null])
    // What MicroPython would pass to JavaScript as an object ends the interpreter, and the event.
    const { failed } = await run('reads', [order({ reads: 'a proxy' })], { way, options })
    expect(failed[0]?.error.message).toContain('the interpreter asked for proxy_')
  })

  test('reaches no private address, also where all hosts are allowed, and follows no redirect to another host', async () => {
    const reach = async (path: string, options: Record<string, unknown>) =>
      propertiesOf(await run('reaches', [order({ url: `http://127.0.0.1:${port}${path}` })], { way, options }))
    for (const fetch of [['*'], ['127.0.0.1'], ['api.example.com']])
      expect(await reach('/secret', { fetch })).toEqual([{ answer: { refused: expect.stringContaining('127.0.0.1') } }])
    expect(asked).toEqual([])
    const options = { fetch: ['127.0.0.1'], allowPrivate: true }
    expect(await reach('/redirect', options)).toEqual([{ answer: { refused: expect.stringContaining('localhost') } }])
    expect(await reach('/named', options)).toEqual([{ answer: 'secret' }])
    expect(asked).toEqual(['/redirect', '/named'])
  })

  test('changes its own interpreter alone: no other transform, in Python or JavaScript, and no prototype', async () => {
    expect(propertiesOf(await run('marks', [order({ does: 'spoil' })], { way }))).toMatchObject([{ own: 'yes' }])
    await run('breaks', [order({ does: 'pollutes' })], { way })
    for (const others of both) {
      expect(propertiesOf(await run('looks', [order({})], { way: others }))).toEqual([{ found: ['no', 'no', 2] }])
      expect(propertiesOf(await run('looks-too', [order({})], { way: others }))).toEqual([{ own: 'no', isAdmin: 'no' }])
    }
    expect(propertiesOf(await run('looks-too', [order({})], { way: 'plain' }))).toEqual([{ own: 'no', isAdmin: 'no' }])
  })

  test.each([
    ['recurses', 'RuntimeError: maximum recursion depth exceeded'],
    ['takes memory', 'MemoryError: a call may take 48 MB'],
    ['is deep', 'maximum recursion depth exceeded'],
    ['exits', 'SystemExit: 1'],
    ['asks for a proxy', 'the interpreter asked for proxy_'],
    ['corrupts', ''],
    ['suspends', '_Suspended'],
    ['answers itself', 'ValueError: own error'],
  ])('an event at which Python %s fails alone', async (does, message) => {
    const events = [order({}, 'a'), order({ does }, 'b'), order({}, 'c')]
    const { events: made, dropped, failed } = await run('breaks', events, { way, destination: does })
    expect(made.map(({ event }) => event.messageId)).toEqual(['a', 'c'])
    expect(dropped).toEqual([])
    expect(failed).toMatchObject([{ index: 1, transform: 'breaks' }])
    expect(failed[0]?.error.message).toContain(message)
    expect(failed[0]?.error.message.length).toBeLessThanOrEqual(4_000)
  })

  test.each(['writes many lines', 'compiles many patterns', 'sleeps', 'waits'])(
    'an event at which Python %s goes on',
    async (does) => {
      const { events } = await run('breaks', [order({ does }, 'a'), order({}, 'b')], { way, destination: does })
      expect(events.map(({ event }) => event.messageId)).toEqual(['a', 'b'])
    },
  )

  test.each([
    ['forges', 'forged'],
    ['forges-no-text', 'failed'],
    ['forges-no-error', 'failed'],
    ['forges-nothing', 'dropped'],
  ])(
    'code that %s in place of what answers for it says of its own events what it could have returned',
    async (name, end) => {
      const { events, dropped, failed } = await run(name, [order({}, 'a'), order({}, 'b'), order({}, 'c')], { way })
      const ends = [
        ...events.map(({ index, event }) => [index, event.userId]),
        ...dropped.map(({ index }) => [index, 'dropped']),
        ...failed.map(({ index }) => [index, 'failed']),
      ]
      // Each one has an end, and one only.
      expect(ends.toSorted()).toEqual([
        [0, 'ada'],
        [1, end],
        [2, end],
      ])
    },
  )
})

test('isolated Python remembers events of its own source or destination alone; inline those of others, too', async () => {
  const [shop, app, target] = ['shop null', 'app null', 'shop shop']
  expect(await seenInPlaces(worker, 'isolated')).toEqual([[shop], [app], [target], [shop, shop]])
  expect((await seenInPlaces(worker, 'inline')).at(-1)).toEqual(expect.arrayContaining([shop, app, target]))
})

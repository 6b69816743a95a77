/** Code of users by the name of its file: what RudderStack runs, as it stands there. */
export const code: Readonly<Record<string, string>> = {
  'returns.js': `
export function transformEvent(event, metadata) {
  const { returns } = event.properties
  if (returns === 'itself') return event
  if (returns === 'another') return { ...event, event: 'Another' }
  if (returns === 'null') return null
  if (returns === 'undefined') return undefined
  if (returns === 'nothing') return
  if (returns === 'empty array') return []
  if (returns === 'array') return [event, { ...event, event: 'Second' }]
  if (returns === 'array with text') return [event, 'text']
  if (returns === 'array with null') return [event, null]
  if (returns === 'array with a promise') return [event, Promise.resolve(event)]
  if (returns === 'nested array') return [[event]]
  if (returns === 'text') return 'text'
  if (returns === 'number') return 42
  if (returns === 'true') return true
  if (returns === 'function') return () => event
  if (returns === 'throws') throw new TypeError('no total')
  if (returns === 'throws text') throw 'plain text'
  if (returns === 'throws what fetchV2 does') throw { message: 'no answer', stack: 'TypeError: no answer\\n    at transformEvent (x.js:1:1)' }
  if (returns === 'array with a hole') return [, event]
  if (returns === 'inherits') return Object.create(event)
  if (returns === 'hidden id') return Object.defineProperty({ ...event }, 'messageId', { value: event.messageId, enumerable: false })
  if (returns === 'toJSON without id') return { ...event, toJSON: () => ({ event: 'Of toJSON' }) }
  if (returns === 'toJSON with a number as id') return { ...event, toJSON: () => ({ event: 'Of toJSON', messageId: 7 }) }
  if (returns === 'toJSON with another id') return { ...event, toJSON: () => ({ event: 'Of toJSON', messageId: 'of-my-own' }) }
  if (returns === 'toJSON of text') return { ...event, toJSON: () => 'text' }
  if (returns === 'then that throws') return { get then() { throw new Error('no then') } }
  if (returns === 'revoked') { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return [proxy] }
  if (returns === 'throws an object') throw { code: 7, message: 'seven' }
  if (returns === 'reference error') return notThere(event)
  if (returns === 'no id') { delete event.messageId; return event }
  if (returns === 'empty id') return { ...event, messageId: '' }
  if (returns === 'number as id') return { ...event, messageId: 7 }
  if (returns === 'other id') return { ...event, messageId: 'of-my-own' }
  if (returns === 'metadata') return { ...event, properties: metadata(event) }
  if (returns === 'metadata of another') return { ...event, properties: metadata({ messageId: 'unknown' }) }
}
`,
  'batch.js': `
export async function transformBatch(events, metadata) {
  const { returns } = events[0].properties
  if (returns === 'itself') return events
  if (returns === 'object') return {}
  if (returns === 'null') return null
  if (returns === 'empty array') return []
  if (returns === 'promises') return events.slice(1).map(async (event) => event)
  if (returns === 'one') return events.slice(1)
  if (returns === 'with text') return ['text', ...events.slice(1)]
  if (returns === 'throws') throw new RangeError('no batch today')
  if (returns === 'new ids') return events.map((event, i) => ({ ...event, messageId: 'new-' + i }))
  if (returns === 'reversed') return events.toReversed()
  if (returns === 'lost ids') return events.map(({ messageId, ...event }) => event)
  if (returns === 'one more') return [...events, { type: 'track', event: 'Added' }]
  if (returns === 'metadata') return events.map((event) => ({ ...event, properties: metadata(event) }))
}
`,
  'not-json.js': `
export function transformEvent(event) {
  const values = {
    undefined: undefined, function: () => 1, symbol: Symbol('s'), nan: NaN, infinity: -Infinity, date: new Date(0),
    map: new Map([['a', 1]]), set: new Set([1]), regexp: /a/, boxed: Object('text'), url: new URL('https://example.com/a'),
    error: new Error('e'), bytes: new Uint8Array([1, 2]), toJSON: { toJSON: () => 'own' }, bigint: 7n, negativeZero: -0,
    cycle: (() => { const a = {}; a.a = a; return a })(), getter: { get a() { throw new Error('from a getter') } },
    array: [undefined, () => 1, NaN], nested: { undefined }, promise: Promise.resolve(1),
  }
  event.properties = { value: values[event.properties.value] }
  return event
}
`,
  'globals.js': `
import { double, where } from 'mathHelpers'
import defaultOne from './helpers/plain-helper'
const atTopLevel = typeof log
export async function transformEvent(event, metadata) {
  const { asks } = event.properties
  const caught = async (work) => { try { return await work() } catch (e) { return { thrown: e.message, isError: e instanceof Error, name: e.name } } }
  const answers = {
    types: () => ({ log: typeof log, fetch: typeof fetch, fetchV2: typeof fetchV2, geolocation: typeof geolocation,
      getCredential: typeof getCredential, global: typeof global, atTopLevel }),
    log: () => [log('a', 1, { b: 2 })],
    credential: () => getCredential('apiKey'),
    'unknown credential': () => [getCredential('other'), getCredential(7), getCredential({}), getCredential('toString')],
    'no key': () => getCredential(),
    'null key': () => getCredential(null),
    library: () => [double(21), where(), defaultOne()],
    'global remembers': () => { global.count = (global.count ?? 0) + 1; return global.count },
    'fetch nothing': () => fetch(),
    'fetchV2 nothing': () => fetchV2(),
    'fetchV2 ftp': () => fetchV2('ftp://example.com/a'),
    'fetchV2 private': () => fetchV2('http://10.0.0.1/'),
    'fetchV2 metadata': () => fetchV2('http://169.254.169.254/latest'),
    'fetch private': () => fetch('http://localhost:9/'),
    fetch: () => fetch(' ' + event.properties.url + '/json '),
    'fetch text': () => fetch(event.properties.url + '/text'),
    'fetch redirect': () => fetchV2(event.properties.url + '/redirect'),
    'fetch redirect away': () => fetchV2(event.properties.url + '/redirect-away'),
    fetchV2: async () => { const { url, headers, ...rest } = await fetchV2(event.properties.url + '/post', { method: 'POST', body: JSON.stringify({ a: 1 }), headers: { 'x-a': 'b' } }); return { ...rest, path: url.slice(event.properties.url.length), type: headers['content-type'] } },
    'fetchV2 text': async () => { const { status, body } = await fetchV2(event.properties.url + '/text'); return { status, body } },
    'geolocation of nothing': () => geolocation(),
    'geolocation of text': () => geolocation('here'),
    'geolocation of another': () => geolocation('203.0.113.7'),
    'geolocation that fails': () => geolocation('203.0.113.9'),
    'geolocation that hangs': () => geolocation('203.0.113.8'),
    'fetchV2 with a signal': () => fetchV2(event.properties.url + '/never', { signal: AbortSignal.timeout(100) }),
    'fetchV2 of a half with a signal': () => fetchV2(event.properties.url + '/half', { signal: AbortSignal.timeout(100) }),
    'geolocation of the event': () => geolocation(event.context.ip),
  }
  return { ...event, properties: { answer: (await caught(answers[asks])) ?? 'undefined' } }
}
`,
  'libraries/math-helpers.js': `
export const double = (n) => n * 2
export const where = () => 'a library'
export const fails = () => { throw new Error('from the library') }
`,
  'helpers/plain-helper.js': `export default () => 'a helper'`,
  'built-in.js': `
import { sha256, md5, cyrb53 } from '@rs/hash/v1'
import { JSEncrypt } from '@rs/encrypt/v1'
import { UAParser } from '@rs/userAgentParser/v1'
import url from '@rs/urlParser/v1'
import { getLocalizedDeviceModel } from '@rs/localizeAppleDeviceModel/v1'
import nothing from 'noSuchLibrary'
export function transformEvent(event) {
  return event
}
`,
  'built-ins.js': `
import { sha256, md5, cyrb53 } from '@rs/hash/v1'
import { JSEncrypt } from '@rs/encrypt/v1'
import { UAParser } from '@rs/userAgentParser/v1'
import url from '@rs/urlParser/v1'
import { getLocalizedDeviceModel } from '@rs/localizeAppleDeviceModel/v1'
import { isbot } from 'isbot'
export function transformEvent(event) {
  const rsa = new JSEncrypt()
  rsa.setPublicKey(event.properties.key)
  event.properties = {
    sha256: sha256('ada@example.com'), md5: md5('ada@example.com'), cyrb53: cyrb53('ada'),
    encrypted: String(rsa.encrypt('secret')).length,
    browser: new UAParser('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36').getBrowser().name,
    query: new url.URLSearchParams('?a=1&b=2').get('b'),
    device: getLocalizedDeviceModel('iPhone14,2'),
    isBot: isbot('Googlebot/2.1'),
  }
  return event
}
`,
  'asks-in-vain.js': `
export async function transformEvent(event) {
  event.properties = (await fetchV2('ftp://example.com/a')).body
  return event
}
`,
  'no-function.js': `
export const transformEvent = { total: 7 }
`,
  'awaits-first.js': `
const rate = await Promise.resolve(2)
export const transformEvent = (event) => ({ ...event, properties: { rate } })
`,
  'slow.js': `
export async function transformEvent(event) {
  if (event.properties.never) await new Promise(() => {})
  return event
}
`,
  'broken.js': `
if (true) throw new Error('at the top level')
export const transformEvent = (event) => event
`,
  'typed.ts': `
import { fails } from 'mathHelpers'

interface Order { readonly total?: number }
enum Kind { Small, Large }

export function transformEvent(event: any): any {
  const order = event.properties as Order
  if (order.total === undefined) throw new TypeError('no total')
  if (order.total === -1) fails()
  event.properties = { kind: Kind[order.total > 100 ? Kind.Large : Kind.Small] }
  return event
}
`,
  'hostile.js': `
const seen = []
const platform = (name) => import(['cloudflare', name].join(':'))
export async function transformEvent(event) {
  seen.push(event.messageId)
  const tries = {
    'other events': () => seen.length,
    environment: async () => Object.keys((await platform('workers')).env).toSorted(),
    secrets: async () => JSON.stringify((await platform('workers')).env),
    process: () => Object.keys(globalThis.process.env).toSorted(),
    'poisons prototypes': () => { Object.prototype.poisoned = 'yes'; JSON.parse = () => ({ poisoned: true }); globalThis.fetch = () => 'poisoned'; return ({}).poisoned },
    'is poisoned': () => String(({}).poisoned) + typeof globalThis.poisonedFetch,
    socket: async () => { const { connect } = await platform('sockets'); const s = connect('127.0.0.1:' + event.properties.port); await s.opened; return 'open' },
    large: () => 'x'.repeat(event.properties.length),
  }
  let answer
  try { answer = await tries[event.properties.tries]() } catch (e) { answer = { refused: e.message } }
  return { ...event, properties: { answer } }
}
`,
}

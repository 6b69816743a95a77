import * as fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { anyEvent, members, Raw, write } from './bodies.ts'

/** One request of the fuzzer. */
export interface Shot {
  /** What is odd about it, for the reader of a failure. */
  readonly kind: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Events that a 200 must account for; undefined where bytes were damaged, so that nobody knows. */
  readonly events?: number
  /** False: its answer says nothing of events. */
  readonly reports: boolean
}

/** Write keys of fuzz.config.ts. */
export const keys = {
  shop: 'fuzzKeyOfTheShop',
  pixel: 'fuzzKeyOfThePixels',
  hooks: 'fuzzKeyOfTheHooks',
  signed: 'fuzzKeyOfTheSigned',
}

const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`

let nextId = 0
/**
 * Every event gets an id of its own; a number in front, so that none is the beginning of another. A number that JavaScript would
 * round is an id by its digits, so that no two events may have the same one either.
 */
const withIds = (text: string): string =>
  text
    .replaceAll('@id@', () => `fuzz-${nextId++}-id`)
    .replaceAll(/("messageId":-?)(?:1e\d{3}|(\d{16,}))(?=[,}])/g, (_, before: string, digits?: string) =>
      digits === undefined ? `${before}1e${1_000 + nextId++}` : `${before}${digits}${nextId++}`,
    )

const singles = [
  'identify',
  'track',
  'page',
  'screen',
  'group',
  'alias',
  'merge',
  't',
  'p',
  'i',
  'g',
  'a',
  's',
] as const

interface Content {
  readonly kind: string
  readonly path: string
  readonly text: string
  readonly events: number
}

const single: fc.Arbitrary<Content> = fc
  .tuple(fc.constantFrom(...singles), fc.constantFrom('', '/', '?x=1', '?writeKey=other'), anyEvent)
  .map(([type, end, event]) => ({ kind: 'single', path: `/v1/${type}${end}`, text: withIds(write(event)), events: 1 }))

const batch: fc.Arbitrary<Content> = fc
  .tuple(
    fc.constantFrom('/v1/batch', '/v1/b', '/v1/import/', '//v1/batch', `/beacon/v1/batch?writeKey=${keys.shop}`),
    fc.array(anyEvent, { minLength: 1, maxLength: 12 }),
    fc.option(anyEvent, { nil: undefined, freq: 4 }),
  )
  .map(([path, events, context]) => ({
    kind: 'batch',
    path,
    text: withIds(
      write(
        members([
          ['batch', events],
          ['sentAt', '2026-11-22T10:00:00.000Z'],
          ...(context === undefined ? [] : [['context', context] as const]),
        ]),
      ),
    ),
    events: events.length,
  }))

/** Things around the events that are wrong. */
const shape: fc.Arbitrary<Content> = fc
  .constantFrom<unknown>(
    new Raw(''),
    new Raw('{'),
    new Raw('[]'),
    new Raw('null'),
    new Raw('"batch"'),
    new Raw('{"batch":[]}'),
    new Raw('{"batch":{}}'),
    new Raw('{"batch":[1],"batch":[]}'),
    new Raw('{"batch":null}'),
    new Raw(`{"batch":[${'1,'.repeat(6_000)}1]}`),
    new Raw('['.repeat(100_000)),
    new Raw(`{"batch":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    new Raw(`{"batch":[{"type":"track"}],"context":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`),
    new Raw('\uFEFF{"batch":[{"type":"page","anonymousId":"bom"}]}'),
  )
  .map((value) => ({ kind: 'shape', path: '/v1/batch', text: write(value), events: -1 }))

const encodings = [
  'plain',
  'gzip',
  'damaged',
  'cut gzip',
  'flipped gzip',
  'gzip twice',
  'not gzip',
  'br',
  'latin1',
  'cut',
] as const

/** Events in bytes: mostly as they should be, sometimes damaged. */
const posts: fc.Arbitrary<Shot> = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: single }, { weight: 5, arbitrary: batch }, { weight: 1, arbitrary: shape }),
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...encodings.slice(0, 2)) },
      { weight: 4, arbitrary: fc.constantFrom(...encodings) },
    ),
    fc.nat(),
    fc.constantFrom(
      'application/json',
      'text/plain;charset=UTF-8',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '',
    ),
  )
  .map(([content, encoding, at, type]): Shot => {
    const plain = Buffer.from(content.text)
    const packed = () => gzipSync(plain)
    const whole = encoding === 'plain' || encoding === 'gzip'
    const headers: Record<string, string> = { authorization: basic(keys.shop) }
    if (type !== '') headers['content-type'] = type
    if (encoding.includes('gzip')) headers['content-encoding'] = 'gzip'
    if (encoding === 'br') headers['content-encoding'] = 'br'
    const bodies: Record<(typeof encodings)[number], () => Uint8Array> = {
      plain: () => plain,
      gzip: packed,
      damaged: () => withByte(plain, at, 0xff),
      'cut gzip': () => packed().subarray(0, at % packed().length),
      'flipped gzip': () => withByte(packed(), at, 0x55),
      'gzip twice': () => gzipSync(packed()),
      'not gzip': () => plain,
      br: () => plain,
      latin1: () => Buffer.from(content.text, 'latin1'),
      cut: () => plain.subarray(0, at % Math.max(1, plain.length)),
    }
    const body = bodies[encoding]()
    return {
      kind: `${content.kind}, ${encoding}`,
      method: 'POST',
      path: content.path,
      headers,
      body,
      reports: true,
      ...(whole && content.events >= 0 ? { events: content.events } : {}),
    }
  })

function withByte(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  if (copy.length > 0) copy[at % copy.length] = byte
  return copy
}

const oddText = fc.oneof(
  fc.constantFrom(
    '%',
    '%zz',
    '%00',
    '%ff%fe',
    'a'.repeat(3_000),
    '__proto__',
    '..',
    '%2e%2e%2f',
    '+',
    '&&=&',
    '%F0%9F%9B%92',
  ),
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map(encodeURIComponent),
)

/** Requests of other kinds: pixels, webhooks, questions, wrong verbs, odd keys. */
const others: fc.Arbitrary<Shot> = fc.oneof(
  fc
    .tuple(fc.constantFrom('track', 'page', 'track/'), fc.array(fc.tuple(oddText, oddText), { maxLength: 6 }))
    .map(([type, pairs]): Shot => ({
      kind: 'pixel',
      method: 'GET',
      path: `/pixel/v1/${type}?writeKey=${keys.pixel}&${pairs.map((pair) => pair.join('=')).join('&')}`,
      headers: { referer: 'https://shop.example/' },
      reports: false,
    })),
  fc
    .tuple(
      fc.constantFrom('POST', 'GET', 'PUT'),
      fc.constantFrom(keys.hooks, keys.signed, keys.shop, 'nobody'),
      anyEvent,
      fc.constantFrom(
        'application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'multipart/form-data; boundary=fuzz',
        'text/xml',
      ),
      oddText,
    )
    .map(([method, key, body, type, query]): Shot => ({
      kind: 'webhook',
      method,
      path: `/v1/webhook?writeKey=${key}&topic=${query}`,
      headers: { 'content-type': type, 'stripe-signature': 't=1,v1=00', 'x-hub-signature-256': 'sha256=zz' },
      ...(method === 'GET' ? {} : { body: Buffer.from(withIds(write(body))) }),
      reports: false,
    })),
  fc
    .tuple(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'),
      fc.constantFrom(
        '/',
        '/health',
        '/version',
        '/robots.txt',
        '/sourceConfig',
        '//sourceConfig/',
        '/v1/projects/x/settings',
        '/v1/track',
        '/v1/nothing',
        '/v1',
        '/admin/lanes',
        '/v1/%74rack',
        '/v1/track%00',
        '/cluster-info',
        '/sdk/../../wrangler.toml',
        '/%2e%2e/%2e%2e/etc/passwd',
        '//evil.example/%2f..',
      ),
      fc.oneof(
        fc.constantFrom(
          '',
          'Basic',
          'Basic !!!',
          'Basic Og==',
          `Basic ${'A'.repeat(8_000)}`,
          'Bearer x',
          'Digest username="x"',
        ),
        fc.string({ unit: 'grapheme-ascii', maxLength: 30 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
      ),
      oddText,
    )
    .map(([method, path, authorization, query]): Shot => ({
      kind: 'question',
      method,
      path: path.includes('?') ? path : `${path}?writeKey=${query}`,
      headers: {
        ...(authorization === '' ? {} : { authorization }),
        cookie: `sw_id=${query}; sw_id`,
        origin: 'https://shop.example',
        'access-control-request-headers': 'x-any',
      },
      reports: false,
    })),
)

/**
 * Draws requests.
 *
 * @param count how many
 * @param seed the same seed gives the same requests
 */
export const shots = (count: number, seed: number): Shot[] =>
  fc.sample(fc.oneof({ weight: 8, arbitrary: posts }, { weight: 2, arbitrary: others }), { numRuns: count, seed })

/** Gzip of a gigabyte of zeros: about a megabyte. */
export function bomb(): Uint8Array {
  const zeros = new Uint8Array(16 * 1024 * 1024)
  const member = gzipSync(zeros, { level: 9 })
  // Members one after the other are one stream (RFC 1952 §2.2).
  return Buffer.concat(Array.from({ length: 64 }, () => member))
}

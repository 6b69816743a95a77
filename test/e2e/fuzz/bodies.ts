import * as fc from 'fast-check'

/** JSON text that no value of JavaScript would be written as. */
export class Raw {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An object as its members, so that a name may come twice. */
export type Members = readonly (readonly [name: string, value: unknown])[]

/** Writes a value as JSON; `Raw` as it is, and each `@id@` as a messageId of its own. */
export function write(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (isMembers(value))
    return `{${value.map(([name, one]) => `${JSON.stringify(name)}:${name === 'messageId' ? unlike(write(one)) : write(one)}`).join(',')}}`
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  return JSON.stringify(value) ?? 'null'
}

/** A messageId that is text is made unlike all others: what is dropped as a repeat could not be told from what is lost. */
const unlike = (json: string): string =>
  json.startsWith('"') && !json.includes('@id@') && String(JSON.parse(json)).trim() !== ''
    ? `${json.slice(0, -1)}@id@"`
    : json

/** A member list is marked, because an array of pairs may be an array of pairs. */
const marked = new WeakSet<object>()
const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && marked.has(value)

export function members(pairs: Members): Members {
  marked.add(pairs)
  return pairs
}

const nested = (levels: number, [open, close]: readonly [string, string]) =>
  new Raw(open.repeat(levels) + (open === '[' ? '' : '1') + close.repeat(levels))

/** Values that break what was not written with them in mind. */
const evil: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    '   ',
    0,
    -0,
    [],
    members([]),
    [[[]]],
    'x'.repeat(40_000),
    'ﷺ'.repeat(2_000),
    '\u0000\u0001',
    '../../etc/passwd',
    "'; DROP TABLE tracks; --",
    '<script>alert(1)</script>',
    '${7*7}',
    '2026-13-45T99:99:99Z',
    '9999999999999',
    new Raw('1e400'),
    new Raw('-1e999'),
    new Raw('1e-400'),
    new Raw('123456789012345678901234567890'),
    new Raw('NaN'),
    new Raw('-Infinity'),
    new Raw('"\\ud800"'),
    new Raw('"\\udc00\\ud800 broken"'),
    new Raw('"\\u0000"'),
    new Raw('{"__proto__":{"polluted":true}}'),
    new Raw('{"constructor":{"prototype":{"polluted":true}}}'),
    new Raw('{"a":1,"a":2,"a":{"a":3}}'),
    new Raw('{"":{"":{"":0}}}'),
    new Raw('{"toString":1,"hasOwnProperty":2,"toJSON":3,"then":4,"length":5}'),
    nested(90, ['[', ']']),
    nested(101, ['{"a":', '}']),
    nested(3_000, ['[', ']']),
    nested(20_000, ['{"a":', '}']),
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

const types = ['track', 'identify', 'page', 'screen', 'group', 'alias', 'merge', 'extract', 'Order', ''] as const

/** An event as an SDK would send it. */
const goodEvent: fc.Arbitrary<[string, unknown][]> = fc
  .record({
    type: fc.constantFrom(...types.slice(0, 6)),
    total: fc.double({ noNaN: true, noDefaultInfinity: true }),
    who: fc.constantFrom('ada', 'grace', 'Zoë Ω', '漢字 🛒'),
  })
  .map(({ type, total, who }) => [
    ['type', type],
    ['messageId', '@id@'],
    ['anonymousId', `anon-${who}`],
    ['userId', who],
    ['event', 'Order Completed'],
    ['originalTimestamp', '2026-11-22T09:59:58.000Z'],
    ['sentAt', '2026-11-22T10:00:00.000Z'],
    [
      'properties',
      members([
        ['total', total],
        ['products', [members([['sku', '45790-32']])]],
      ]),
    ],
    ['traits', members([['email', 'ada@example.com']])],
    [
      'context',
      members([
        ['library', members([['name', 'fuzz']])],
        ['page', members([['url', 'https://shop.example/?utm_source=x']])],
      ]),
    ],
    ['integrations', members([['All', true]])],
  ])

type Mutation = (event: [string, unknown][]) => void

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  // A field gets another value.
  fc.tuple(fc.nat(10), evil).map(([at, value]): Mutation => (event) => {
    const pair = event[at % Math.max(1, event.length)]
    if (pair !== undefined) pair[1] = value
  }),
  // A field goes.
  fc.nat(10).map(
    (at): Mutation =>
      (event) =>
        void event.splice(at % Math.max(1, event.length), 1),
  ),
  // A field comes twice.
  fc.tuple(fc.nat(10), evil).map(([at, value]): Mutation => (event) => {
    const pair = event[at % Math.max(1, event.length)]
    if (pair !== undefined) event.push([pair[0], value])
  }),
  // A field that nobody knows.
  fc
    .tuple(
      fc.oneof(
        fc.constantFrom('__proto__', 'constructor', 'toJSON', 'writeKey', 'batch', 'receivedAt', 'request_ip', ''),
        fc.string({ maxLength: 12 }),
      ),
      evil,
    )
    .map(
      ([name, value]): Mutation =>
        (event) =>
          void event.push([name, value]),
    ),
  // A field inside context, properties or traits.
  fc
    .tuple(
      fc.constantFrom('context', 'properties', 'traits', 'integrations'),
      fc.constantFrom(
        'ip',
        'traits',
        'page',
        'userAgent',
        'consentManagement',
        'consent',
        'campaign',
        'All',
        'geo',
        'a.b',
      ),
      evil,
    )
    .map(
      ([outer, inner, value]): Mutation =>
        (event) =>
          void event.push([outer, members([[inner, value]])]),
    ),
)

/** An event with up to four things wrong, or something that is no event at all. */
export const anyEvent: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: goodEvent.map((event) => members(event)) },
  {
    weight: 8,
    arbitrary: fc.tuple(goodEvent, fc.array(mutation, { minLength: 1, maxLength: 4 })).map(([event, mutations]) => {
      const own = event.map(([name, value]): [string, unknown] => [name, value])
      for (const mutate of mutations) mutate(own)
      return members(own)
    }),
  },
  { weight: 1, arbitrary: evil },
)

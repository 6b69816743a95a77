import { expect, test } from 'vitest'
import type { KafkaFront } from '../../src/core/kafka.ts'
import { confluentCloud } from '../../src/fronts/confluent-cloud.ts'
import { confluentV3 } from '../../src/fronts/confluent-v3.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { karapace } from '../../src/fronts/karapace.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { upstash } from '../../src/fronts/upstash.ts'

type Given = Readonly<Record<string, unknown>>
/** As a user without types writes it. */
const untyped = (make: (input: never) => KafkaFront) => make as unknown as (input: Given) => KafkaFront

const secret = 'correct-horse-battery'
const url = 'https://rest.kafka.example.com'
const login = { username: 'router', password: secret }
const cloud = { url, clusterId: 'lkc-12345', apiKey: 'ABCDEFGH', apiSecret: secret }

const fronts: readonly (readonly [name: string, make: (input: Given) => KafkaFront, valid: Given])[] = [
  ['confluent', untyped(confluent), { url, ...login }],
  ['confluent-v3', untyped(confluentV3), { url, ...login }],
  ['confluent-cloud', untyped(confluentCloud), cloud],
  ['karapace', untyped(karapace), { url, ...login, recordHeaders: true }],
  ['redpanda', untyped(redpanda), { url, partitions: 6, ...login }],
  ['strimzi', untyped(strimzi), { url, token: secret }],
  ['upstash', untyped(upstash), { url, ...login }],
]

test.each(fronts)('%s has no problem with settings that are right, and shows no secret', (name, make, valid) => {
  const headers = { 'x-gateway-key': secret }
  const front = make({ ...valid, headers })
  expect(front).toMatchObject({ kind: 'kafka-front', name, problems: [] })
  expect(front.redacted).toMatchObject({ url, headers: { 'x-gateway-key': '***' } })
  expect(JSON.stringify(front.redacted)).not.toContain(secret)
})

test.each(fronts)('%s names what is missing, and what is no setting', (_name, make, valid) => {
  const required = Object.keys(valid).filter(
    (field) => !['username', 'password', 'token', 'recordHeaders'].includes(field),
  )
  for (const field of required)
    expect(make({ ...valid, [field]: undefined }).problems).toEqual([expect.stringContaining(`"${field}" is missing`)])
  expect(make({ ...valid, retries: 3 }).problems).toEqual([expect.stringContaining('"retries" is no setting')])
})

test.each(fronts)(
  '%s refuses an address that is none, that is not public, or that has more than a path',
  (_name, make, valid) => {
    const problemsWith = (given: unknown, more: Given = {}) => make({ ...valid, url: given, ...more }).problems.join()
    expect(problemsWith('rest.kafka.example.com')).toContain('"url" must be an http(s) URL')
    expect(problemsWith('http://rest.kafka.example.com')).toContain('must begin with https:')
    expect(problemsWith('https://10.0.0.7')).toContain('must name a public host')
    expect(problemsWith(`https://router:${secret}@rest.kafka.example.com`)).toBe(
      '"url" must not hold a user or password',
    )
    expect(problemsWith('https://rest.kafka.example.com/?token=x')).toContain('no "?"')
    expect(problemsWith('http://127.0.0.1:8082', { allowPrivate: true })).toBe('')
  },
)

const withLogin = fronts.filter(([, , valid]) => 'username' in valid || 'token' in valid)

test.each(withLogin.filter(([name]) => name !== 'upstash'))(
  '%s wants one whole login: a user with a password, or a token',
  (_name, make, valid) => {
    const { username: _, password: __, token: ___, ...bare } = valid
    const problemsWith = (given: Given) => make({ ...bare, ...given }).problems
    expect(problemsWith({})).toEqual([])
    expect(problemsWith({ username: 'router' })).toEqual(['"password" is missing: "username" alone is no login'])
    expect(problemsWith({ password: secret })).toEqual(['"username" is missing: "password" alone is no login'])
    expect(problemsWith({ ...login, token: secret })).toEqual(['give either "token" or "username" and "password"'])
    expect(problemsWith({ token: `${secret}\u00e9` })).toEqual([expect.stringContaining('printable ASCII')])
  },
)

test.each(withLogin)('%s refuses a login that cannot be sent, and two of them', (_name, make, valid) => {
  const basic = { ...valid, ...login, token: undefined }
  const given = Object.fromEntries(Object.entries(basic).filter(([, value]) => value !== undefined))
  expect(make({ ...given, username: 'ro:uter' }).problems).toEqual([expect.stringContaining('must not hold ":"')])
  expect(make({ ...given, headers: { Authorization: secret } }).problems).toEqual([
    '"headers" holds Authorization, and so do the credentials: give one of them',
  ])
})

const others: readonly (readonly [what: string, front: KafkaFront, problem: string])[] = [
  ['a base that there is not', untyped(confluentV3)({ url, base: '/v2' }), '"base" must be one of /v3, /kafka/v3'],
  ['half a partition', untyped(redpanda)({ url, partitions: 2.5 }), '"partitions" must be a whole number'],
  ['no partition', untyped(redpanda)({ url, partitions: 0 }), '"partitions" must be a number from 1 to 10000'],
  ['partitions as text', untyped(redpanda)({ url, partitions: '6' }), '"partitions" must be a number, not text'],
  ['a word for a switch', untyped(karapace)({ url, recordHeaders: 'yes' }), '"recordHeaders" must be true or false'],
  ['a number as API key', untyped(confluentCloud)({ ...cloud, apiKey: 42 }), '"apiKey" must be text'],
  [
    'the service that ended',
    untyped(upstash)({ ...login, url: 'https://full-mantis-14289-eu1-rest-kafka.upstash.io' }),
    '"url": Upstash ended its Kafka on 2025-03-11; use your own Kafka with the bridge, or log()',
  ],
]

test.each(others)('a front says in one sentence what is wrong with %s', (_what, { problems }, problem) => {
  expect(problems).toEqual([problem])
})

test('a front that is given nothing says so instead of throwing', () => {
  for (const [, make] of fronts) expect(make(undefined as unknown as Given).problems.length).toBeGreaterThan(0)
})

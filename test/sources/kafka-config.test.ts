import { expect, test } from 'vitest'
import { confluentV3 } from '../../src/fronts/confluent-v3.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { avroValues } from '../../src/registry/avro-values.ts'
import { kafka, type KafkaSourceInput } from '../../src/sources/kafka.ts'

const front = upstash({ url: 'https://kafka.example.com', username: 'router', password: 'password-of-kafka' })
const map = () => null
const topics = ['orders']

test.each<[string, object, string]>([
  ['no front', { topics, map }, '"front" is missing: say how Kafka is reached'],
  [
    'a front on a private host',
    { front: strimzi({ url: 'http://10.0.0.7:8080' }), topics, map },
    'front strimzi: "url"',
  ],
  [
    'a front that cannot consume',
    { front: confluentV3({ url: 'https://rest.example.com' }), topics, map },
    'front confluent-v3 cannot consume: use another one for a source',
  ],
  [
    'an end that the front does not know',
    { front: redpanda({ url: 'https://redpanda.example.com', partitions: 3 }), topics, map, begin: 'latest' },
    'does not tell where a partition ends',
  ],
  ['no topics', { front, map }, '"topics" must be a list of names, with at least one'],
  ['an empty list of topics', { front, topics: [], map }, '"topics" must be a list of names, with at least one'],
  ['a topic twice', { front, topics: ['orders', 'orders'], map }, '"topics" has "orders" twice'],
  [
    'a topic that is none',
    { front, topics: ['order completed'], map },
    '"topics" has "order completed", which is no name of a topic',
  ],
  ['no map', { front, topics }, '"map" must be a function from a record to events'],
  [
    'values of another kind',
    { front, topics, map, values: 'avro' },
    '"values" must be json, text, or avroValues({ url })',
  ],
  ['a name of all objects as values', { front, topics, map, values: 'toString' }, '"values" must be json, text'],
  ['another beginning', { front, topics, map, begin: 'now' }, '"begin" must be one of'],
  ['a wait that is too short', { front, topics, map, pollSeconds: 0 }, '"pollSeconds"'],
  ['an unknown setting', { front, topics, map, interval: 3 }, '"interval" is no setting'],
])('a Kafka source refuses a config with %s, and says what to do', (_what, input, problem) => {
  expect(kafka(input as KafkaSourceInput).problems.join('\n')).toContain(problem)
})

test('a Kafka source shows people its front, and no secret', () => {
  const { redacted, problems } = kafka({ front, topics, map })
  expect(problems).toEqual([])
  expect(redacted).toMatchObject({ front: { name: 'upstash', username: 'router' }, topics, begin: 'earliest' })
  expect(JSON.stringify(redacted)).not.toContain('password-of')
})

test('a registry whose settings are wrong is told at the start, without its password', () => {
  const wrong = () => avroValues({ url: 'http://10.0.0.7:8081', user: 'router', password: 'password-of-the-registry' })
  expect(wrong).toThrow(/^avroValues: "url"/)
  expect(() => avroValues({ url: 'https://registry.example.com', user: 'router' })).toThrow('"password" is missing')
})

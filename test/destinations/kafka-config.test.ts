// What is wrong with the settings of the destination kafka() is told when the config is read, without a secret.
import { describe, expect, test } from 'vitest'
import { kafka, type KafkaDestinationInput } from '../../destinations/kafka.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { upstash } from '../../src/fronts/upstash.ts'

const secret = 'correct-horse-battery'
const url = 'https://events.example.com/kafka'
const registryUrl = 'https://registry.example.com'
const front = upstash({ url, username: 'router', password: secret })
const order = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'event', type: 'string' }] })

/** As a user without types writes it. */
const made = (input: unknown) => kafka(input as KafkaDestinationInput)
const withGood = (more: object) => ({ front, topic: 'orders', ...more })
const withRegistry = (more: object) => withGood({ registry: { url: registryUrl, ...more } })

const wrong: readonly (readonly [what: string, input: unknown, problem: string])[] = [
  ['no settings at all', undefined, '"front" is missing: say how Kafka is reached'],
  ['no front', { topic: 'orders' }, '"front" is missing: say how Kafka is reached'],
  ['a front by its name', withGood({ front: 'strimzi' }), '"front" must be a front of sluiceway/fronts/…'],
  ['a front that was not called', withGood({ front: upstash }), '"front" must be what the front gives: call it'],
  [
    'a front with a private address',
    withGood({ front: upstash({ url: 'https://10.0.0.7', username: 'router', password: secret }) }),
    'front upstash: "url" must name a public host',
  ],
  [
    'a front without its number of partitions',
    withGood({ front: redpanda({ url } as never) }),
    'front redpanda: "partitions" is missing',
  ],
  [
    'headers on a front without',
    withGood({ front: confluent({ url }), headers: { event: '${event}' } }),
    'front confluent carries no record headers: leave "headers" out',
  ],
  ['a setting that there is not', withGood({ brokers: [secret] }), '"brokers" is no setting; there are: front, topic'],
  ['no topic', { front }, '"topic" is missing: where events go that no map has'],
  [
    'maps that are switched off, and no topic',
    { front, enableMultiTopic: false, eventToTopicMap: { 'Order Completed': 'orders' } },
    '"topic" is missing',
  ],
  ['an empty topic', withGood({ topic: '' }), '"topic" is empty'],
  ['a topic that Kafka cannot have', withGood({ topic: 'my orders' }), '"topic" has other characters than letters'],
  ['a topic that is no text', withGood({ topic: 7 }), '"topic" must be a name, a template, or a function'],
  ['a topic that is null', withGood({ topic: null }), '"topic" must be a name, a template, or a function'],
  ['a template without its end', withGood({ topic: '${event' }), '"topic" has "${" without "}"'],
  ['a template without a path', withGood({ key: '${}' }), '"key" has "${}", which is no path'],
  ['a key that is a number', withGood({ key: 7 }), '"key" must be a template, a function of the event, or null'],
  ['headers in a list', withGood({ headers: ['event'] }), '"headers" must be an object of templates'],
  ['a header that is a number', withGood({ headers: { version: 2 } }), '"headers" must be an object of templates'],
  ['headers that are null', withGood({ headers: null }), '"headers" must be an object of templates'],
  ['a broken template of a header', withGood({ headers: { event: '${' } }), '"headers.event" has "${" without "}"'],
  ['a map that is a text', withGood({ eventToTopicMap: 'orders' }), '"eventToTopicMap" must be an object such as'],
  [
    'a map to a number',
    withGood({ eventToTopicMap: { 'Order Completed': 7 } }),
    '"eventToTopicMap" must be an object such as',
  ],
  [
    'a list of a map without "to"',
    withGood({ eventToTopicMap: [{ from: 'Order Completed' }] }),
    '"eventToTopicMap" must be an object such as',
  ],
  [
    'a map to a name that Kafka cannot have',
    withGood({ eventToTopicMap: { 'Order Completed': 'my orders' } }),
    '"eventToTopicMap" gives "Order Completed" the topic "my orders", which has other characters',
  ],
  [
    'track in the map of types',
    withGood({ eventTypeToTopicMap: { track: 'orders' } }),
    '"eventTypeToTopicMap" has "track", and there are: identify, screen, page, group, alias; track events are in "eventToTopicMap"',
  ],
  ['a switch that is a text', withGood({ enableMultiTopic: 'no' }), '"enableMultiTopic" must be true or false'],
  ['allowed topics in a text', withGood({ allowedTopics: 'vip' }), '"allowedTopics" must be a list of names'],
  ['an allowed topic that cannot be', withGood({ allowedTopics: ['v i p'] }), '"allowedTopics" has "v i p", which has'],
  ['a partitioner that there is not', withGood({ partitioner: 'crc32' }), '"partitioner" must be murmur2 or fnv1a'],
  ['a value that is a template', withGood({ value: '${event}' }), '"value" must be a function of the event'],
  ['unions in a way that there is not', withGood({ unions: 'both' }), '"unions" must be either, plain or wrapped'],
  ['extra fields in no known way', withGood({ extraFields: 'keep' }), '"extraFields" must be ignore or refuse'],
  ['Avro without schemas', withGood({ convertToAvro: true }), '"avroSchemas" is empty: "convertToAvro" needs schemas'],
  [
    'schemas in an object',
    withGood({ avroSchemas: { order } }),
    '"avroSchemas" must be a list of { schemaId, schema }',
  ],
  ['a schema that is null', withGood({ avroSchemas: [null] }), '"avroSchemas" must be a list of { schemaId, schema }'],
  [
    'a schema that is none',
    withGood({ avroSchemas: [{ schemaId: 1, schema: '{}' }] }),
    '"avroSchemas" has "1": schema: has no "type"',
  ],
  [
    'an id that no frame can hold',
    withGood({ convertToAvro: true, embedAvroSchemaID: true, avroSchemas: [{ schemaId: 'order', schema: order }] }),
    '"avroSchemas" has "order": with "embedAvroSchemaID" an id must be a whole number',
  ],
  ['an id of no schema', withGood({ schemaId: 7 }), '"schemaId" is "7", which "avroSchemas" does not have'],
  ['a registry that is its address', withGood({ registry: registryUrl }), '"registry" must be an object such as'],
  ['a registry that is null', withGood({ registry: null }), '"registry" must be an object such as'],
  ['a registry without an address', withGood({ registry: {} }), '"registry": "url" is missing'],
  [
    'a registry with a private address',
    withRegistry({ url: 'https://registry.internal', user: 'router', password: secret }),
    '"registry": "url" must name a public host: registry.internal is a local name',
  ],
  ['a registry without https', withRegistry({ url: 'http://registry.example.com' }), 'must begin with https:'],
  [
    'a password in the address of the registry',
    withRegistry({ url: `https://router:${secret}@registry.example.com` }),
    '"registry": "url" must not hold a user or password',
  ],
  ['a registry with half a login', withRegistry({ password: secret }), '"registry": "user" is missing'],
  ['a misspelt password', withRegistry({ pasword: secret }), '"pasword" is no setting; did you mean "password"?'],
  [
    'a schema by a wrong word',
    withRegistry({ schema: 'newest' }),
    '"registry.schema" must be latest, register, lookUp',
  ],
  ['nothing to register', withRegistry({ schema: 'register' }), '"registry.schemas" is missing: what to register'],
  [
    'a schema for the registry that is no text',
    withRegistry({ schema: 'register', schemas: { '*': { type: 'string' } } }),
    'its "schemas" JSON texts by topic',
  ],
  [
    'a schema for the registry that is no JSON',
    withRegistry({ schema: 'register', schemas: { '*': '{' } }),
    '"registry.schemas" has "*": schema: is no JSON',
  ],
  ['a subject by a wrong word', withRegistry({ subject: 'Topic' }), '"registry.subject" must be TopicName, RecordName'],
  ['a subject without a record', withRegistry({ subject: 'RecordName' }), '"registry.record" is missing'],
  [
    'a registry where Avro is switched off',
    withGood({ convertToAvro: false, registry: { url: registryUrl } }),
    '"convertToAvro" is false, and "registry" makes Avro',
  ],
]

describe('settings of the destination kafka', () => {
  test.each(wrong)('the destination kafka says what is wrong with its settings: %s', (_what, input, problem) => {
    const { problems, redacted } = made(input)
    expect(problems.join('\n')).toContain(problem)
    expect(JSON.stringify({ problems, redacted })).not.toContain(secret)
  })

  test('the destination kafka finds nothing wrong with settings that are right, and shows them without secrets', () => {
    const registry = { url: registryUrl, user: 'router', password: secret }
    const { problems, redacted } = made({ ...withGood({ registry, headers: { event: '${event}' } }), key: null })
    expect(problems).toEqual([])
    expect(redacted).toMatchObject({
      front: 'upstash',
      url,
      topic: 'orders',
      registry: { url: registryUrl, user: 'router' },
    })
    expect(JSON.stringify(redacted)).not.toContain(secret)
  })

  test('a front without headers is all right where the settings name none', () => {
    expect(made(withGood({ front: confluent({ url }), headers: {} })).problems).toEqual([])
  })

  test('all that is wrong is told at once', () => {
    expect(made({ topic: 7, key: 7, retries: 3 }).problems).toHaveLength(4)
  })
})

import { checkSettings, type Input } from '../configure/settings.ts'
import { isRecord } from '../core/json.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import type { KafkaFront, KafkaMessage } from '../core/kafka.ts'
import type { KafkaSource } from '../core/kafka-source.ts'

const fields = {
  begin: {
    type: 'choice',
    about: 'Where a partition begins that was not read before.',
    choices: ['earliest', 'latest'],
    default: 'earliest',
  },
  group: {
    type: 'string',
    about: 'Consumer group that Kafka is told about, for its lag tools.',
    default: 'sluiceway-source',
  },
  pollSeconds: {
    type: 'number',
    about: 'Seconds between two looks for new records, when there were none.',
    default: 10,
    min: 1,
    max: 3_600,
  },
} as const

/** Reads the value of a record: JSON, text, or Avro by the id of its schema (see `avroValues`). */
export type ValueDecoder = KafkaSource['decode']

/** What a Kafka source takes. */
export interface KafkaSourceInput extends Input<typeof fields> {
  /** How Kafka is reached; it must be able to consume. */
  readonly front: KafkaFront
  readonly topics: readonly string[]
  /** How values are read; JSON when left out. */
  readonly values?: 'json' | 'text' | ValueDecoder
  /** Makes events of a record: one, several, or none. */
  readonly map: KafkaSource['map']
}

const name = /^[\w.-]{1,249}$/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

const decoders: Readonly<Record<'json' | 'text', ValueDecoder>> = {
  json: async ({ value }) => (value === null ? null : parseJsonKeepingDigits(decoder.decode(value))),
  text: async ({ value }) => (value === null ? null : decoder.decode(value)),
}

/**
 * Makes a source of topics of a Kafka: they are read on a schedule, each record is decoded and mapped to events by a function of
 * yours, and the events take the way of those that an SDK sends. A crash loses and repeats nothing where the stream is `log()`.
 *
 * An event without a `messageId` gets `kafka:<topic>:<partition>:<offset>`, one without a `timestamp` the record's. A record that
 * cannot be decoded or mapped is a dead letter, and holds up no other.
 *
 * @param input `front`, `topics`, `map`; optionally `values`, `begin`, `group`, `pollSeconds`
 * @returns the source, for `kafka` of a source in the config
 * @example sources: { shop: { kafka: kafka({ front, topics: ['orders'], map: ({ key, value }) => ({ type: 'track', event: 'Order Completed', userId: key, properties: value }) }) } }
 */
export function kafka({ front, topics, values = 'json', map, ...input }: KafkaSourceInput): KafkaSource {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const decode = typeof values === 'function' ? values : Object.hasOwn(decoders, values) ? decoders[values] : undefined
  return {
    kind: 'kafka-source',
    name: 'kafka',
    problems: [
      ...problems,
      ...frontProblems(front, settings.begin),
      ...topicProblems(topics),
      ...(typeof map === 'function' ? [] : ['"map" must be a function from a record to events']),
      ...(typeof decode === 'function' ? [] : ['"values" must be json, text, or avroValues({ url })']),
    ],
    redacted: { ...redacted, front: { name: front?.name, ...front?.redacted }, topics },
    front,
    topics,
    ...settings,
    decode: async (message: KafkaMessage, port) => decode?.(message, port),
    map,
  }
}

function topicProblems(topics: unknown): readonly string[] {
  const isList = Array.isArray(topics) && topics.length > 0 && topics.every((topic) => typeof topic === 'string')
  if (!isList) return ['"topics" must be a list of names, with at least one']
  return (topics as readonly string[]).flatMap((topic, i) => {
    if (topics.indexOf(topic) < i) return [`"topics" has "${topic}" twice`]
    return name.test(topic) && topic !== '.' && topic !== '..'
      ? []
      : [`"topics" has "${topic}", which is no name of a topic: letters, digits, ".", "_" and "-", 249 at most`]
  })
}

function frontProblems(front: unknown, begin: string): readonly string[] {
  if (!isRecord(front) || front['kind'] !== 'kafka-front')
    return ['"front" is missing: say how Kafka is reached, e.g. strimzi({ url: … }) from sluiceway/fronts/strimzi']
  const { name, problems, capabilities } = front as unknown as KafkaFront
  return [
    ...problems.map((problem) => `front ${name}: ${problem}`),
    ...(capabilities.consume ? [] : [`front ${name} cannot consume: use another one for a source`]),
    ...(begin === 'latest' && capabilities.consume && !capabilities.latest
      ? [`front ${name} does not tell where a partition ends: "begin" can only be earliest`]
      : []),
  ]
}

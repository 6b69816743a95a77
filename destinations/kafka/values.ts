// What a record of Kafka holds: https://kafka.apache.org/documentation/#record (checked 2026-11-28)
import { AvroError, type AvroType, type EncodeValue, frameOf, makeEncoder, parseSchema, typeName } from 'sluiceway/avro'
import type { Envelope, Verdict } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'
import { type FoundSchema, needKey, type RegistrySettings, type SchemaNeed, subjectName } from 'sluiceway/registry'
import { partitionOfKey } from './partition.ts'
import { isSchemaId, type KafkaInput, kafkaProblems, registryOf } from './settings.ts'
import { makeTemplate, type EventTemplate } from 'sluiceway/destination'
import { makeTopicChooser, wishesOf } from './topic.ts'

/** Where an event goes, and what must be known before it can be encoded. */
export interface KafkaPlan {
  readonly kind: 'plan'
  readonly topic: string
  /** Null for a record without a key, which may go to any partition. */
  readonly key: Uint8Array | null
  /** What a registry must be asked for: `encode` wants the answer under `needKey(need)`. */
  readonly need?: SchemaNeed
}

/** A record as it is produced; its partition is `partition(key, …)`. */
export interface KafkaRecord {
  readonly kind: 'record'
  readonly topic: string
  readonly key: Uint8Array | null
  /** Null is a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
}

/** What a registry answered to the needs of some plans, by `needKey`: a schema, or what its failure means for the events. */
export type KnownSchemas = ReadonlyMap<string, FoundSchema | Verdict>

/** The pure side of Kafka as a destination. Who sends asks the registry between `plan` and `encode`. */
export interface KafkaValues {
  /** What is wrong with the settings, one sentence each; nothing else may be called then. */
  readonly problems: readonly string[]
  /** The registry to ask, if there is one: make a `RegistryClient` of it. */
  readonly registry?: RegistrySettings
  /** The settings of the registry without secrets. */
  readonly redacted?: Readonly<Record<string, unknown>>
  /** Says where an event goes and which schema it needs; a verdict `dead` when it can go nowhere. */
  readonly plan: (envelope: Envelope) => KafkaPlan | Verdict
  /** Makes the record; a verdict when the event does not fit its schema (`dead`, with the field) or there is none yet. */
  readonly encode: (envelope: Envelope, plan: KafkaPlan, schemas: KnownSchemas) => KafkaRecord | Verdict
  /** Chooses the partition of a key; undefined when there is none. */
  readonly partition: (key: Uint8Array | null, partitions: number) => number | undefined
}

const encoder = new TextEncoder()
const dead = (reason: string): Verdict => ({ kind: 'dead', reason })
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * Makes the functions that turn events into Kafka's records.
 *
 * @param given what the user wrote; see `KafkaInput`
 * @returns the functions, and what is wrong with the settings; never throws
 */
export function makeKafkaValues(given: KafkaInput): KafkaValues {
  const problems = kafkaProblems(given)
  // Nothing can be made of settings that are wrong, and nothing is asked then.
  const input = problems.length === 0 ? given : { topic: 'none' }
  const topicOf = makeTopicChooser(input)
  const headers = Object.entries(input.headers ?? {}).map(([name, text]) => [name, makeTemplate(text)] as const)
  const schemas = new SchemaChooser(input)
  const registry = input.registry === undefined ? undefined : registryOf(input.registry)
  return {
    problems,
    ...(registry === undefined ? {} : { registry: registry.settings, redacted: registry.redacted }),
    plan: ({ event }) => {
      try {
        const choice = topicOf(event)
        if ('problem' in choice) return dead(choice.problem)
        const { topic } = choice
        const need = schemas.needOf(event, topic)
        if (typeof need === 'string') return dead(need)
        return { kind: 'plan', topic, key: keyOf(event, input.key), ...(need === undefined ? {} : { need }) }
      } catch (error) {
        // A function of the settings threw.
        return dead(`the settings give no topic, key or subject: ${wordsOf(error)}`)
      }
    },
    encode: (envelope, { topic, key, need }, known) => {
      let value: unknown
      try {
        value = input.value === undefined ? envelope.event : input.value(envelope.event)
      } catch (error) {
        return dead(`"value" of the settings threw: ${wordsOf(error)}`)
      }
      if (value === undefined) return { kind: 'skip', reason: 'the settings give no value' }
      const bytes = value === null ? null : schemas.bytesOf({ envelope, value, need, known })
      if (bytes !== null && 'kind' in bytes) return bytes
      return { kind: 'record', topic, key, value: bytes, headers: headersOf(envelope, headers) }
    },
    partition: (key, partitions) => partitionOfKey(key, partitions, input.partitioner),
  }
}

function keyOf(event: Event, wanted: KafkaInput['key']): Uint8Array | null {
  if (wanted === null) return null
  const own =
    typeof wanted === 'function' ? wanted(event) : wanted === undefined ? undefined : makeTemplate(wanted)(event)
  if (own === null) return null
  const text = [own, event.userId, event.anonymousId].find((one) => one !== undefined && one !== '')
  return text === undefined ? null : encoder.encode(text)
}

function headersOf(
  { id, event }: Envelope,
  more: readonly (readonly [string, EventTemplate])[],
): [string, Uint8Array][] {
  const all = new Map([['message_id', id]])
  for (const [name, template] of more) {
    const text = template(event)
    if (text !== undefined) all.set(name, text)
  }
  return Array.from(all, ([name, text]) => [name, encoder.encode(text)])
}

interface Work {
  readonly envelope: Envelope
  readonly value: unknown
  readonly need: SchemaNeed | undefined
  readonly known: KnownSchemas
}

/** Chooses the schema of an event, and encodes with it. */
class SchemaChooser {
  readonly #input: KafkaInput
  readonly #pasted: ReadonlyMap<string, string>
  /** Parsed schemas of the settings, by their text. */
  readonly #types = new Map<string, AvroType>()
  /** A schema is compiled once, however it was found. */
  readonly #encoders = new WeakMap<AvroType, EncodeValue>()
  readonly #record: EventTemplate

  constructor(input: KafkaInput) {
    this.#input = input
    this.#pasted = new Map((input.avroSchemas ?? []).map(({ schemaId, schema }) => [`${schemaId}`, schema]))
    this.#record = makeTemplate(input.registry?.record ?? '', (part) => part.replaceAll(/\W+/g, '_'))
  }

  /** What must be asked; undefined when nothing must; a text when the event can have no schema. */
  needOf(event: Event, topic: string): SchemaNeed | string | undefined {
    const { registry, convertToAvro } = this.#input
    const id = this.#idOf(event)
    if (registry === undefined) {
      if (convertToAvro !== true) return undefined
      if (id === undefined)
        return '"convertToAvro" is on, and the event names no schema: set integrations.Kafka.schemaId, or "schemaId"'
      return this.#pasted.has(id)
        ? undefined
        : `integrations.Kafka.schemaId is "${id}", which "avroSchemas" does not have`
    }
    if (id !== undefined)
      return isSchemaId(id)
        ? { kind: 'id', id: Number(id) }
        : `integrations.Kafka.schemaId is "${id}", and ids of a registry are whole numbers`
    return this.#registryNeed(event, topic)
  }

  #idOf(event: Event): string | undefined {
    const asked = wishesOf(event)['schemaId'] ?? this.#input.schemaId
    if (typeof asked !== 'string' && typeof asked !== 'number') return undefined
    return asked === '' ? undefined : `${asked}`
  }

  #registryNeed(event: Event, topic: string): SchemaNeed | string {
    const { schema = 'latest', schemas = {}, subject: strategy = 'TopicName' } = this.#input.registry ?? { url: '' }
    const text = Object.hasOwn(schemas, topic) ? schemas[topic] : schemas['*']
    const isOurs = schema === 'register' || schema === 'lookUp'
    if (isOurs && text === undefined) return `"registry.schemas" has no schema for the topic "${topic}"`
    let subject: string
    if (typeof strategy === 'function') subject = strategy(event, topic)
    else {
      const own = isOurs ? this.#typeOf(text as string) : undefined
      const record = own === undefined ? this.#record(event) : 'name' in own ? typeName(own) : undefined
      if (strategy !== 'TopicName' && (record === undefined || record === ''))
        return `"registry.record" gives no name for this event, and the subject ${strategy} needs one`
      subject = subjectName(strategy, { topic, part: 'value', record })
    }
    if (isOurs) return { kind: schema, subject, schema: text as string }
    return schema === 'latest' ? { kind: 'latest', subject } : { kind: 'version', subject, version: schema }
  }

  /** Encodes a value: as Avro with a frame, as bare Avro, or as JSON. */
  bytesOf({ envelope, value, need, known }: Work): Uint8Array | Verdict {
    const { convertToAvro, embedAvroSchemaID } = this.#input
    if (need !== undefined) {
      const found = known.get(needKey(need))
      if (found === undefined) return { kind: 'retry', reason: 'the schema is not there yet' }
      if ('kind' in found) return found
      return this.#avroOf(value, found.type, found.id)
    }
    if (convertToAvro !== true) return encoder.encode(value === envelope.event ? envelope.text : JSON.stringify(value))
    const id = this.#idOf(envelope.event) ?? ''
    const text = this.#pasted.get(id)
    if (text === undefined) return dead(`"avroSchemas" does not have "${id}"`)
    return this.#avroOf(value, this.#typeOf(text), embedAvroSchemaID === true ? Number(id) : undefined)
  }

  #avroOf(value: unknown, type: AvroType, id: number | undefined): Uint8Array | Verdict {
    try {
      return this.#encoderOf(type)(value, id === undefined ? undefined : frameOf(id))
    } catch (error) {
      if (!(error instanceof AvroError)) throw error
      // What is wrong with a schema is wrong for all: the event waits until it is corrected.
      const isEvent = error.code === 'avro_value_invalid'
      return isEvent ? dead(`does not fit its schema: ${error.message}`) : { kind: 'pause', reason: error.message }
    }
  }

  #encoderOf(type: AvroType): EncodeValue {
    let encode = this.#encoders.get(type)
    if (encode === undefined) {
      const { unions = 'either', extraFields = 'ignore' } = this.#input
      this.#encoders.set(type, (encode = makeEncoder(type, { unions, extraFields })))
    }
    return encode
  }

  #typeOf(text: string): AvroType {
    let type = this.#types.get(text)
    if (type === undefined) this.#types.set(text, (type = parseSchema(text)))
    return type
  }
}

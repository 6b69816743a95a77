// RudderStack's settings: https://www.rudderstack.com/docs/destinations/streaming-destinations/kafka/ (checked 2026-11-28)
import { AvroError, makeEncoder, parseSchema } from 'sluiceway/avro'
import type { Event } from 'sluiceway/event'
import { checkRegistry, type RegistryInput, type RegistrySettings, type SubjectStrategy } from 'sluiceway/registry'
import type { Partitioner } from './partition.ts'
import { settingShapes, shapeProblems } from './setting-shapes.ts'
import { templateProblem } from 'sluiceway/destination'
import { cleanTopicPart, mappedTypes, tableOf, topicProblem } from './topic.ts'

/** Topics by event type or name: an object, or RudderStack's list. */
export type TopicMap = Readonly<Record<string, string>> | readonly { readonly from: string; readonly to: string }[]

/** Which schema of a registry the values of a topic have. */
export interface KafkaRegistryInput extends RegistryInput {
  /**
   * `latest` version of the subject (the default), a version by its number, or one of `schemas`: `register` makes it known to the
   * registry, `lookUp` wants it to be there.
   */
  readonly schema?: 'latest' | 'register' | 'lookUp' | number
  /** Schemas as JSON text by topic; `*` is for the others. */
  readonly schemas?: Readonly<Record<string, string>>
  /** How subjects are named; `TopicName` unless said otherwise. A function gets the event and the topic. */
  readonly subject?: SubjectStrategy | ((event: Event, topic: string) => string)
  /** A template of the record's full name, where the subject needs one and `schemas` has none: `shop.${event}`. */
  readonly record?: string
}

/** What becomes of an event on its way into Kafka: topic, key, headers, value. The names are RudderStack's where it has one. */
export interface KafkaInput {
  /** Topic of what the maps do not have: a name, a template such as `events.${type}`, or a function. */
  readonly topic?: string | ((event: Event) => string | undefined)
  /** False leaves the maps out; they count when they are there. */
  readonly enableMultiTopic?: boolean
  readonly eventTypeToTopicMap?: TopicMap
  readonly eventToTopicMap?: TopicMap
  /** The topics that `integrations.Kafka.topic` of an event may name; any when left out. */
  readonly allowedTopics?: readonly string[]
  /** A template or a function; userId, else anonymousId, when left out or when it gives nothing. `null` is no key. */
  readonly key?: string | null | ((event: Event) => string | null | undefined)
  /** Templates by name, beside `message_id`; a header whose template gives nothing is left out. */
  readonly headers?: Readonly<Record<string, string>>
  readonly partitioner?: Partitioner
  /** What is sent of an event; the whole event when left out. Null is a tombstone. */
  readonly value?: (event: Event) => unknown
  /** RudderStack's way: values are Avro, of the schema in `avroSchemas` that `integrations.Kafka.schemaId` names. */
  readonly convertToAvro?: boolean
  /** Puts the schema's id before the value; its `schemaId` must be a number then. */
  readonly embedAvroSchemaID?: boolean
  readonly avroSchemas?: readonly { readonly schemaId: string | number; readonly schema: string }[]
  /** The schema of events that name none. */
  readonly schemaId?: string | number
  /** The better way: values are Avro, of a schema in a registry. */
  readonly registry?: KafkaRegistryInput
  /** How values of unions stand in events: plain, wrapped as Avro-JSON has them, or `either` (the default). */
  readonly unions?: 'either' | 'plain' | 'wrapped'
  /** What becomes of fields that the schema does not have: left out (`ignore`, the default), or a dead letter (`refuse`). */
  readonly extraFields?: 'ignore' | 'refuse'
}

/** The names of all settings beside `front`. */
export const settingNames: readonly string[] = Object.keys(settingShapes)

/** Names among the settings that mean nothing, one sentence each. */
export const unknownSettings = (input: KafkaInput): string[] =>
  Object.keys(input)
    .filter((name) => !settingNames.includes(name))
    .map((name) => `"${name}" is no setting; there are: front, ${settingNames.join(', ')}`)

const holes = /\$\{[^}]*\}/g

/**
 * Says what is wrong with the settings.
 *
 * @param input what the user wrote
 * @returns one sentence for each problem, without a secret
 */
export function kafkaProblems(input: KafkaInput): string[] {
  const shapes = shapeProblems(input)
  if (shapes.length > 0) return shapes
  const problems = [...topicProblems(input), ...schemaProblems(input)]
  const templates = [
    ['key', input.key],
    ['registry.record', input.registry?.record],
    ...Object.entries(input.headers ?? {}).map(([name, text]) => [`headers.${name}`, text]),
  ]
  for (const [name, text] of templates) {
    const problem = typeof text === 'string' ? templateProblem(text) : undefined
    if (problem !== undefined) problems.push(`"${String(name)}" ${problem}`)
  }
  return problems
}

function topicProblems(input: KafkaInput): string[] {
  const { topic, allowedTopics = [] } = input
  const problems: string[] = []
  if (typeof topic === 'string') {
    const problem =
      templateProblem(topic) ??
      topicProblem(topic.replaceAll(holes, 'x')) ??
      Array.from(topic.matchAll(/:-([^}]*)\}/g), ([, other = '']) => other)
        .map((other) => (other === cleanTopicPart(other) ? undefined : topicProblem(other)))
        .find((one) => one !== undefined)
    if (problem !== undefined) problems.push(`"topic" ${problem}`)
  }
  const maps = ['eventTypeToTopicMap', 'eventToTopicMap'] as const
  for (const name of maps)
    for (const [from, to] of tableOf(input[name], false)) {
      const problem = topicProblem(to)
      if (problem !== undefined) problems.push(`"${name}" gives "${from}" the topic "${to}", which ${problem}`)
    }
  for (const type of tableOf(input.eventTypeToTopicMap, true).keys())
    if (!mappedTypes.has(type))
      problems.push(
        `"eventTypeToTopicMap" has "${type}", and there are: ${[...mappedTypes].join(', ')}; track events are in "eventToTopicMap", by their names`,
      )
  for (const name of allowedTopics) {
    const problem = topicProblem(name)
    if (problem !== undefined) problems.push(`"allowedTopics" has "${name}", which ${problem}`)
  }
  const isMapped = input.enableMultiTopic !== false && maps.some((name) => tableOf(input[name], false).size > 0)
  if (topic === undefined && !isMapped) problems.push('"topic" is missing: where events go that no map has')
  return problems
}

function schemaProblems(input: KafkaInput): string[] {
  const { avroSchemas = [], schemaId, registry } = input
  const problems: string[] = []
  const ids = new Set<string>()
  for (const { schemaId: id, schema } of avroSchemas) {
    const problem = schemaProblem(schema, input)
    if (problem !== undefined) problems.push(`"avroSchemas" has "${id}": ${problem}`)
    if (ids.has(`${id}`)) problems.push(`"avroSchemas" has "${id}" twice`)
    ids.add(`${id}`)
    if (input.embedAvroSchemaID === true && !isSchemaId(id))
      problems.push(`"avroSchemas" has "${id}": with "embedAvroSchemaID" an id must be a whole number`)
  }
  if (input.convertToAvro === true && registry === undefined && ids.size === 0)
    problems.push('"avroSchemas" is empty: "convertToAvro" needs schemas, or a "registry"')
  if (input.convertToAvro === false && registry !== undefined)
    problems.push('"convertToAvro" is false, and "registry" makes Avro: leave one of them out')
  if (schemaId !== undefined && registry === undefined && !ids.has(`${schemaId}`))
    problems.push(`"schemaId" is "${schemaId}", which "avroSchemas" does not have`)
  return registry === undefined ? problems : [...problems, ...registryProblems(registry, input)]
}

function registryProblems(registry: KafkaRegistryInput, input: KafkaInput): string[] {
  const { schema = 'latest', schemas = {}, subject = 'TopicName', record } = registry
  const problems = checkRegistry(clientOf(registry)).problems.map((problem) => `"registry": ${problem}`)
  const isOurs = schema === 'register' || schema === 'lookUp'
  if (!isOurs && schema !== 'latest' && (typeof schema !== 'number' || !Number.isInteger(schema) || schema < 1))
    problems.push('"registry.schema" must be latest, register, lookUp, or the number of a version')
  if (isOurs && Object.keys(schemas).length === 0)
    problems.push(`"registry.schemas" is missing: what to ${schema === 'register' ? 'register' : 'look up'}, by topic`)
  for (const [topic, text] of Object.entries(schemas)) {
    const problem = schemaProblem(text, input)
    if (problem !== undefined) problems.push(`"registry.schemas" has "${topic}": ${problem}`)
  }
  if (!['TopicName', 'RecordName', 'TopicRecordName'].includes(subject as string) && typeof subject !== 'function')
    problems.push('"registry.subject" must be TopicName, RecordName, TopicRecordName, or a function')
  else if (!isOurs && typeof subject === 'string' && subject !== 'TopicName' && record === undefined)
    problems.push(`"registry.record" is missing: the subject ${subject} needs the name of a record`)
  return problems
}

/** The part of the settings that a client of the registry has. */
function clientOf({
  schema: _,
  schemas: __,
  subject: ___,
  record: ____,
  ...client
}: KafkaRegistryInput): RegistryInput {
  return client
}

/** Gives the checked settings for a client of the registry, and a copy without secrets. */
export function registryOf(registry: KafkaRegistryInput): {
  readonly settings: RegistrySettings
  readonly redacted: Readonly<Record<string, unknown>>
} {
  const { settings, redacted } = checkRegistry(clientOf(registry))
  return { settings, redacted }
}

/** What is wrong with a schema that the settings have, or undefined. */
function schemaProblem(schema: string, { unions = 'either', extraFields = 'ignore' }: KafkaInput): string | undefined {
  try {
    makeEncoder(parseSchema(schema), { unions, extraFields })
    return undefined
  } catch (error) {
    if (error instanceof AvroError) return error.message
    throw error
  }
}

/** Says whether an id can stand in a frame. */
export const isSchemaId = (id: string | number): boolean => /^\d{1,10}$/.test(`${id}`) && Number(id) <= 0x7fffffff

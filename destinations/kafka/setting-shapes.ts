// RudderStack's settings: https://www.rudderstack.com/docs/destinations/streaming-destinations/kafka/ (checked 2026-11-28)
import type { KafkaInput } from './settings.ts'

/** Whether a value may be that of a setting, and a sentence about what it must be. */
type Shape = readonly [isRight: (value: unknown) => boolean, words: string]

const isText = (value: unknown): boolean => typeof value === 'string'
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isId = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): boolean => isObject(value) && Object.values(value).every(isText)
const isListOf = (value: unknown, isRight: (one: Readonly<Record<string, unknown>>) => boolean): boolean =>
  Array.isArray(value) && value.every((one: unknown) => isObject(one) && isRight(one))

const oneOf = (...words: readonly string[]): Shape => [
  (value) => isText(value) && words.includes(value as string),
  `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`,
]
const yesOrNo: Shape = [(value) => typeof value === 'boolean', 'must be true or false']
const topics: Shape = [
  (value) => isTexts(value) || isListOf(value, ({ from, to }) => isText(from) && isText(to)),
  'must be an object such as { "Order Completed": "orders" }, or a list of { from, to }',
]

/** What each setting must look like; the compiler holds the names against the type. */
export const settingShapes: Readonly<Record<keyof KafkaInput, Shape>> = {
  topic: [(value) => isText(value) || isFunction(value), 'must be a name, a template, or a function of the event'],
  enableMultiTopic: yesOrNo,
  eventTypeToTopicMap: topics,
  eventToTopicMap: topics,
  allowedTopics: [(value) => Array.isArray(value) && value.every(isText), 'must be a list of names'],
  key: [
    (value) => value === null || isText(value) || isFunction(value),
    'must be a template, a function of the event, or null for no key',
  ],
  headers: [isTexts, 'must be an object of templates, such as { event: "${event}" }'],
  partitioner: oneOf('murmur2', 'fnv1a'),
  value: [isFunction, 'must be a function of the event'],
  convertToAvro: yesOrNo,
  embedAvroSchemaID: yesOrNo,
  avroSchemas: [
    (value) => isListOf(value, ({ schemaId, schema }) => isId(schemaId) && isText(schema)),
    'must be a list of { schemaId, schema }, with the schema as JSON text',
  ],
  schemaId: [isId, 'must be text or a number'],
  registry: [
    (value) => isObject(value) && (value['schemas'] === undefined || isTexts(value['schemas'])),
    'must be an object such as { url: "https://registry.example.com" }, and its "schemas" JSON texts by topic',
  ],
  unions: oneOf('either', 'plain', 'wrapped'),
  extraFields: oneOf('ignore', 'refuse'),
}

/**
 * Says which settings are of a form in which nothing else can be said of them.
 *
 * @param input what the user wrote, perhaps without types
 * @returns one sentence for each; a value is not repeated, since it may be a secret in the wrong place
 */
export const shapeProblems = (input: KafkaInput): string[] =>
  Object.entries(settingShapes).flatMap(([name, [isRight, words]]) => {
    const value: unknown = input[name as keyof KafkaInput]
    return value === undefined || isRight(value) ? [] : [`"${name}" ${words}`]
  })

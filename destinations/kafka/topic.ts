// RudderStack's order of topics: https://www.rudderstack.com/docs/destinations/streaming-destinations/kafka/ (checked 2026-11-28)
import type { Event } from 'sluiceway/event'
import { makeTemplate } from 'sluiceway/destination'
import type { KafkaInput } from './settings.ts'

/** The topic of an event, or why it has none. */
export type TopicChoice = { readonly topic: string } | { readonly problem: string }

const characters = /[^\w.-]+/g

/**
 * Says what is wrong with the name of a topic.
 *
 * @param name of 1 to 249 letters, digits, dots, hyphens and underscores
 * @returns a part of a sentence, or undefined
 */
export function topicProblem(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.length > 249) return 'has more than 249 characters'
  if (name === '.' || name === '..') return 'is a name that Kafka keeps for itself'
  return /^[\w.-]+$/.test(name) ? undefined : 'has other characters than letters, digits, ".", "_" and "-"'
}

/** Characters that no topic may have become one underscore: `Order Completed` is `Order_Completed`. */
export const cleanTopicPart = (part: string): string => part.replaceAll(characters, '_')

/** What an event asks of Kafka itself: `integrations.Kafka`. */
export function wishesOf({ integrations }: Event): Readonly<Record<string, unknown>> {
  for (const name of ['Kafka', 'kafka', 'KAFKA']) {
    const wishes: unknown = integrations?.[name]
    if (typeof wishes === 'object' && wishes !== null) return wishes as Record<string, unknown>
  }
  return {}
}

/** Event types that `eventTypeToTopicMap` knows; a track event is found by its name. */
export const mappedTypes: ReadonlySet<string> = new Set(['identify', 'screen', 'page', 'group', 'alias'])

/**
 * Makes the function that chooses the topic of an event, in RudderStack's order: `integrations.Kafka.topic`, the maps, `topic`.
 *
 * @param input settings that were checked
 * @returns a function that gives a topic, or says why there is none
 */
export function makeTopicChooser(input: KafkaInput): (event: Event) => TopicChoice {
  const { topic, allowedTopics } = input
  const hasMaps = input.enableMultiTopic ?? true
  const byType = hasMaps ? tableOf(input.eventTypeToTopicMap, true) : new Map<string, string>()
  const byName = hasMaps ? tableOf(input.eventToTopicMap, false) : new Map<string, string>()
  const rest =
    typeof topic === 'function' ? topic : topic === undefined ? () => undefined : makeTemplate(topic, cleanTopicPart)

  return (event) => {
    const asked = wishesOf(event)['topic']
    if (asked !== undefined && asked !== null && asked !== '') {
      if (typeof asked !== 'string') return { problem: 'integrations.Kafka.topic must be text' }
      if (allowedTopics !== undefined && !allowedTopics.includes(asked))
        return { problem: `integrations.Kafka.topic is "${asked}", which "allowedTopics" does not have` }
      return judged(asked, 'integrations.Kafka.topic')
    }
    const mapped =
      event.type === 'track'
        ? byName.get(event.event ?? '')
        : mappedTypes.has(event.type)
          ? byType.get(event.type)
          : undefined
    if (mapped !== undefined) return { topic: mapped }
    const found = rest(event)
    if (found !== undefined && found !== '') return judged(found, '"topic"')
    return {
      problem:
        topic === undefined
          ? `no topic for this event: none of the maps has it, and "topic" is not set`
          : '"topic" gives none for this event',
    }
  }
}

function judged(topic: string, where: string): TopicChoice {
  const problem = topicProblem(topic)
  return problem === undefined
    ? { topic }
    : { problem: `${where} gives the topic "${topic.slice(0, 60)}", which ${problem}` }
}

/**
 * Reads a map of topics in both of its forms: an object, or RudderStack's list of `from` and `to`.
 *
 * @param map as the settings have it
 * @param isLowerCase types are compared in lower case, names of events as they are
 * @returns topics by type or name
 */
export function tableOf(map: KafkaInput['eventToTopicMap'], isLowerCase: boolean): Map<string, string> {
  const rows = Array.isArray(map)
    ? (map as readonly { from: string; to: string }[]).map(({ from, to }) => [from, to] as const)
    : Object.entries((map ?? {}) as Readonly<Record<string, string>>)
  return new Map(rows.map(([from, to]) => [isLowerCase ? from.toLowerCase() : from, to.trim()]))
}

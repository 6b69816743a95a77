import type { IncomingMessage } from 'node:http'

/** A message that QStash has taken. */
export interface Message {
  readonly id: string
  /** Where it is to be sent. */
  readonly url: string
  readonly body: string
  /** By lower-case names, as they were sent with it. */
  readonly headers: Readonly<Record<string, string>>
  retried: number
}

/** A message in the dead-letter queue. */
export interface Dead {
  readonly dlqId: string
  readonly message: Message
  readonly responseStatus: number
}

/** Status, JSON and headers of an answer. */
export type Answer = readonly [status: number, answer: object, headers?: Record<string, string>]

/** A message of a batch, as a client writes it. */
export interface Item {
  readonly destination: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const publishAnswer = (answer: object): Answer => [
  'error' in answer ? 400 : 'deduplicated' in answer ? 202 : 201,
  answer,
]

/** What tells how many calls there may be. */
export const limitHeaders = (prefix: string, limit: string, reset: string): Record<string, string> => ({
  [`${prefix}-Limit`]: limit,
  [`${prefix}-Remaining`]: '0',
  [`${prefix}-Reset`]: reset,
})

export const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

export const singleTexts = (headers: IncomingMessage['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))

/** The dead letters that a query asks for; all of its filters count. */
export function deadOf(dead: readonly Dead[], query: URLSearchParams): Dead[] {
  const has = (name: string, value = '') => query.getAll(name).length === 0 || query.getAll(name).includes(value)
  return dead.filter(
    ({ dlqId, message, responseStatus }) =>
      has('dlqIds', dlqId) &&
      has('url', message.url) &&
      has('label', message.headers['upstash-label']) &&
      has('responseStatus', `${responseStatus}`),
  )
}

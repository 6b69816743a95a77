import { Hono } from 'hono'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { ReadableLog, TriggerContext } from '../core/stream.ts'
import { consumeCall, deleteConsumerCall, listConsumers } from './consumer-calls.ts'
import { encodingOf, errorAnswer, kafkaErrorOf, type KafkaEnv } from './kafka-call.ts'
import { KafkaError } from './kafka-error.ts'
import { commitCall, committedCall, fetchCall, offsetsCall } from './offset-calls.ts'
import { produceCall, produceOneCall } from './produce-calls.ts'
import { nothingKnown, TopicSet } from './topic-set.ts'
import { type KafkaUser, loginOf, matchesName } from './users.ts'

/** What the API serves. */
export interface KafkaApiOptions {
  readonly users: Readonly<Record<string, KafkaUser>>
  readonly log: ReadableLog
  /** Partitions of the topic `events`. */
  readonly partitions: number
}

const calls =
  '/produce, /fetch, /consume, /commit, /committed, /offsets, /topics, /consumers and /delete-consumer; see docs/kafka-topics.md'

/**
 * Serves the log and its topics as Upstash's Kafka REST API does, so that its client works unchanged.
 *
 * https://upstash.com/docs/kafka/rest (archived; the service ended on 2025-03-11)
 *
 * @param options topics, and who may use them
 * @returns answers every request below `/kafka`
 */
export function kafkaApi(options: KafkaApiOptions): (request: Request, context: TriggerContext) => Promise<Response> {
  const { users, log, partitions } = options
  // Data alone, which requests may share.
  const known = nothingKnown()
  const app = new Hono<KafkaEnv>().basePath('/kafka')
  const getOrPost = ['GET', 'POST']

  app.onError((error, c) => {
    if (error instanceof KafkaError) return errorAnswer(c, error)
    if (error instanceof SluicewayError) return errorAnswer(c, kafkaErrorOf(error))
    c.env.port.log('error', 'a Kafka request failed', { path: c.req.path.slice(0, 300), reason: reasonOf(error) })
    return errorAnswer(c, new KafkaError(503, 'The log did not answer; try again'))
  })
  app.notFound((c) =>
    errorAnswer(c, new KafkaError(404, `There is nothing at ${c.req.method} ${c.req.path}; there are ${calls}`)),
  )
  app.use(async (c, next) => {
    c.set('login', await loginOf(c.req.raw, users))
    c.set('topics', new TopicSet(log, partitions, { bindings: c.env.bindings, known }))
    c.set('encoding', encodingOf(c))
    await next()
  })

  app.get('/topics', async (c) => {
    const { user } = c.get('login')
    const all = await c.get('topics').all()
    return c.json(
      Object.fromEntries([...all].filter(([name]) => matchesName(user.read, name) || matchesName(user.write, name))),
    )
  })
  app.get('/produce/:topic/:message', produceOneCall)
  app.on(getOrPost, ['/produce', '/produce/:topic'], produceCall)
  app.on(getOrPost, '/fetch', fetchCall)
  app.on(getOrPost, ['/consume/:group/:instance', '/consume/:group/:instance/:topic'], consumeCall)
  app.on(getOrPost, '/commit/:group/:instance', commitCall)
  app.on(getOrPost, '/committed/:group/:instance', committedCall)
  app.on(getOrPost, '/offsets/:timestamp', offsetsCall)
  app.get('/consumers', listConsumers)
  app.on(['POST', 'DELETE'], '/delete-consumer/:group/:instance', deleteConsumerCall)

  return async (request, { bindings, port }) => app.fetch(request, { bindings, port })
}

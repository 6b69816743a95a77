import { jsonOf, type KafkaCall } from './kafka-call.ts'
import { KafkaError } from './kafka-error.ts'
import { type ProduceAnswer, produceRecords } from './produce.ts'
import { eventsTopic } from './topic-set.ts'
import { assertAllowed } from './users.ts'

/** `/produce` and `/produce/:topic`: writes a record or a list of them. */
export async function produceCall(c: KafkaCall): Promise<Response> {
  const body = await jsonOf(c)
  const answers = await produceTo(c, body, c.req.param('topic'))
  const [first] = answers
  return !Array.isArray(body) && first instanceof KafkaError ? answer(c, answers, first) : answer(c, answers)
}

/** `GET /produce/:topic/:message?key=`: writes one record. */
export async function produceOneCall(c: KafkaCall): Promise<Response> {
  const { topic, message } = c.req.param() as { topic: string; message: string }
  const answers = await produceTo(c, { value: message, key: c.req.query('key') ?? null }, topic)
  return answer(c, answers, answers[0] as ProduceAnswer)
}

const produceTo = (c: KafkaCall, body: unknown, topic: string | undefined): Promise<ProduceAnswer[]> =>
  produceRecords(
    body,
    {
      topic,
      encoding: c.get('encoding'),
      partitions: async (name) => {
        if (name === eventsTopic)
          throw new KafkaError(
            403,
            'The topic events takes what is sent to /v1/track and the other routes: nobody produces to it directly',
          )
        assertAllowed(c.get('login'), 'write', name)
        return c.get('topics').writablePartitions(name)
      },
    },
    c.env.bindings,
  )

/** Answers with a result for each record, or with the only one. The status is that of the worst: 5xx before 4xx. */
function answer(c: KafkaCall, answers: readonly ProduceAnswer[], only?: ProduceAnswer): Response {
  const failures = answers.filter((one) => one instanceof KafkaError)
  const status = failures.reduce<KafkaError['status'] | 200>(
    (most, one) => (one.status > most ? one.status : most),
    200,
  )
  const body = only === undefined ? answers.map(itemOf) : itemOf(only)
  return c.json(body, status, { 'cache-control': 'no-store', ...(status === 503 ? { 'retry-after': '2' } : {}) })
}

const itemOf = (one: ProduceAnswer) =>
  one instanceof KafkaError ? { error: one.message, status: one.status, retry: one.retry } : one

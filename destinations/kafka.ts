import { type Destination, Envelope, type Item, type Verdict } from 'sluiceway/destination'
import type { KafkaConnection, KafkaFront, ProduceOutcome } from 'sluiceway/kafka'
import { findSchema, needKey, needVerdict, RegistryClient, type SchemaNeed } from 'sluiceway/registry'
import { type KafkaInput, unknownSettings } from './kafka/settings.ts'
import { type KafkaRecord, type KafkaValues, makeKafkaValues } from './kafka/values.ts'

/** What `kafka` takes: how Kafka is reached, and what becomes of an event. */
export interface KafkaDestinationInput extends KafkaInput {
  readonly front: KafkaFront
}

/** Milliseconds for which the number of a topic's partitions is believed: adding some moves keys, as with any producer. */
const countMs = 300_000

/**
 * Sends events to topics of a Kafka: topic by event type, event name or expression; key, headers, JSON or Avro.
 *
 * The settings are those of RudderStack's Kafka destination, and better ways beside them. A record has the header `message_id`
 * where the front carries headers: a retry may write a record twice, and consumers tell repeats by it.
 *
 * https://www.rudderstack.com/docs/destinations/streaming-destinations/kafka/ (checked 2026-11-28)
 *
 * @param given `front` and `topic` (or the maps); see `KafkaInput` for the others
 * @returns the destination, for `destinations` in the config
 * @example kafka({ front: strimzi({ url: 'https://bridge.example.com' }), topic: 'events.${type}' })
 */
export function kafka(given: KafkaDestinationInput): Destination {
  // JavaScript may give anything.
  const { front, ...input } = ((given as unknown) ?? {}) as KafkaDestinationInput
  const values = makeKafkaValues(input)
  const problems = [...unknownSettings(input), ...values.problems, ...frontProblems(front, input)]
  const counts = new Map<string, { readonly count: number; readonly until: number }>()
  return {
    kind: 'destination',
    name: 'kafka',
    limits: { events: 500, bytes: 800_000, parallel: 4, timeoutSeconds: 30 },
    problems,
    redacted: {
      front: front?.name,
      ...front?.redacted,
      topic: typeof input.topic === 'string' ? input.topic : undefined,
      registry: values.redacted,
    },
    encode: (envelope) => {
      const plan = values.plan(envelope)
      if (plan.kind === 'plan') return { id: envelope.id, text: envelope.text }
      if (plan.kind === 'skip') return null
      throw new Error('reason' in plan ? plan.reason : 'the event can go nowhere')
    },
    request: () => {
      throw new Error('Kafka is not reached by one request')
    },
    send: async (items, context) => {
      const port = { fetch: context.fetch, now: () => context.now }
      const connection = front.connect(port, 'sluiceway-destination')
      return new Sending(values, connection, { front, counts, context, port }).send(items)
    },
  }
}

const example = 'e.g. strimzi({ url: "https://bridge.example.com" }) of sluiceway/fronts/strimzi'

function frontProblems(front: unknown, { headers = {} }: KafkaInput): readonly string[] {
  if (front === undefined || front === null) return [`"front" is missing: say how Kafka is reached, ${example}`]
  if (typeof front === 'function') return [`"front" must be what the front gives: call it, ${example}`]
  if (typeof front !== 'object' || (front as KafkaFront).kind !== 'kafka-front')
    return [`"front" must be a front of sluiceway/fronts/…, ${example}`]
  const { name, problems, capabilities } = front as KafkaFront
  const hasHeaders = typeof headers === 'object' && headers !== null && Object.keys(headers).length > 0
  return [
    ...problems.map((problem) => `front ${name}: ${problem}`),
    ...(hasHeaders && !capabilities.headers
      ? [`front ${name} carries no record headers: leave "headers" out, or put them into "value"`]
      : []),
  ]
}

type Context = Parameters<NonNullable<Destination['send']>>[1]
interface Tools {
  readonly front: KafkaFront
  readonly counts: Map<string, { readonly count: number; readonly until: number }>
  readonly context: Context
  readonly port: { readonly fetch: Context['fetch']; readonly now: () => number }
}

/** One delivery: asks the registry for what the events need, encodes them, and produces topic by topic. */
class Sending {
  readonly #values: KafkaValues
  readonly #connection: KafkaConnection
  readonly #tools: Tools
  readonly #verdicts: Verdict[] = []
  #status = 200

  constructor(values: KafkaValues, connection: KafkaConnection, tools: Tools) {
    this.#values = values
    this.#connection = connection
    this.#tools = tools
  }

  async send(items: readonly Item[]) {
    const records = await this.#encode(items)
    // Records of a topic stay in their order.
    for (const [topic, some] of Map.groupBy(records, ({ record }) => record.topic)) await this.#produce(topic, some)
    await this.#connection.close()
    // Each verdict has its own reason: what was said of one topic must not stand in the letter of an event of another.
    return { status: this.#status, body: '', verdicts: this.#verdicts }
  }

  async #encode(items: readonly Item[]): Promise<{ place: number; record: KafkaRecord }[]> {
    const envelopes = items.map(({ id, text }) => new Envelope({ ...nobody, id }, text))
    const plans = envelopes.map((envelope) => this.#values.plan(envelope))
    const needs = new Map<string, SchemaNeed>()
    for (const plan of plans)
      if (plan.kind === 'plan' && plan.need !== undefined) needs.set(needKey(plan.need), plan.need)
    const schemas = await this.#schemas(needs)
    const held = new Set<string>()
    return envelopes.flatMap((envelope, place) => {
      const plan = plans[place]
      if (plan === undefined || plan.kind !== 'plan') {
        this.#verdicts[place] = plan ?? { kind: 'retry', reason: 'there is no plan' }
        return []
      }
      const key = plan.key === null ? undefined : `${plan.topic} ${plan.key.join()}`
      // It must not overtake an earlier event of its key in this topic.
      const record: KafkaRecord | Verdict =
        key !== undefined && held.has(key)
          ? { kind: 'retry', reason: 'an earlier event of its key waits' }
          : this.#values.encode(envelope, plan, schemas)
      if (record.kind === 'record') return [{ place, record }]
      if (key !== undefined && (record.kind === 'retry' || record.kind === 'pause')) held.add(key)
      this.#verdicts[place] = record
      return []
    })
  }

  async #schemas(needs: ReadonlyMap<string, SchemaNeed>) {
    const { registry } = this.#values
    const found = new Map<string, Awaited<ReturnType<typeof findSchema>> | Verdict>()
    if (registry === undefined || needs.size === 0) return found
    const client = new RegistryClient(registry, this.#tools.port)
    for (const [name, need] of needs) {
      try {
        found.set(name, await findSchema(client, need))
      } catch (error) {
        const verdict = needVerdict(need, error)
        if (verdict.kind !== 'dead') this.#status = (error as { details?: { status?: number } }).details?.status ?? 0
        found.set(name, verdict)
      }
    }
    return found
  }

  async #produce(topic: string, some: readonly { readonly place: number; readonly record: KafkaRecord }[]) {
    const { front, counts, context } = this.#tools
    try {
      const count = await this.#partitions(topic)
      const random = Math.floor(Math.random() * count)
      const { headers: carriesHeaders } = front.capabilities
      const outcomes = await this.#connection.produce(
        topic,
        some.map(({ record: { key, value, headers } }) => ({
          // Records without a key go to one partition together, which packs them better.
          partition: this.#values.partition(key, count) ?? random,
          key,
          value,
          headers: carriesHeaders ? headers : [],
        })),
        context.signal,
      )
      some.forEach(({ place }, i) => (this.#verdicts[place] = verdictOf(outcomes[i])))
      // The topic may have been made anew, with other partitions.
      if (outcomes.some((outcome) => !outcome.written)) counts.delete(topic)
    } catch (error) {
      counts.delete(topic)
      const { code, message, details } = error as {
        code?: string
        message?: string
        details?: { status?: number; afterSeconds?: number }
      }
      // A limit of the platform, or a fault of ours, is judged by the lane.
      if (code !== 'kafka_refused' && code !== 'kafka_unavailable') throw error
      this.#status = details?.status ?? 0
      const reason = message ?? code
      for (const { place } of some)
        this.#verdicts[place] =
          code === 'kafka_refused'
            ? { kind: 'pause', reason }
            : {
                kind: 'retry',
                reason,
                ...(details?.afterSeconds === undefined ? {} : { afterSeconds: details.afterSeconds }),
              }
    }
  }

  async #partitions(topic: string): Promise<number> {
    const { counts, context } = this.#tools
    const known = counts.get(topic)
    if (known !== undefined && known.until > context.now) return known.count
    const count = await this.#connection.partitions(topic, context.signal)
    counts.set(topic, { count, until: context.now + countMs })
    return count
  }
}

function verdictOf(outcome: ProduceOutcome | undefined): Verdict {
  if (outcome === undefined) return { kind: 'retry', reason: 'the front did not report on it' }
  if (outcome.written) return { kind: 'done' }
  const { retry, reason, afterSeconds } = outcome
  if (retry === 'no') return { kind: 'dead', reason }
  return { kind: 'retry', reason, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
}

/** What of a header does not cross `send`. */
const nobody = { key: '', source: '', receivedAt: '', to: [], facts: {} }

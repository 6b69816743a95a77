import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FakeInstance, Place, PolledRecord } from './fake-consumers.ts'
import { type FakeAnswer, type FrontCall, parsed } from './fake-front.ts'
import { FakeV2, plain, type RawRecord } from './fake-v2.ts'
import { recordErrors, settingErrors } from './strimzi-schema.ts'

/**
 * Strimzi's HTTP bridge 0.33.1, held to the recording test/fixtures/strimzi-0.33.1.jsonl by test/fronts/strimzi-recording.test.ts.
 *
 * Content types are compared letter by letter; one bad record refuses the whole call with 400; base64 of keys and values is not
 * checked; there are no tombstones; failures are inside 200 with HTTP numbers, and come after a minute for each record; a 404 in
 * there is also said while Kafka is away; a commit takes the next offset; a read that fails has moved on all the same; after a 404
 * in there, a produce on the same connection within 20 ms is never answered.
 *
 * https://strimzi.io/docs/bridge/latest/ and https://github.com/strimzi/strimzi-kafka-bridge (tag 0.33.1)
 */
export class FakeStrimzi extends FakeV2 {
  /** Milliseconds that a send, and half of what a commit, waits for metadata: `max.block.ms` is 60 s unless it is set. */
  blockMs = 60_000
  override maxPollRecords = 500
  protected override readonly usualTimeoutMs = 100
  protected override readonly tooLargeCode = 500
  protected override readonly committedOf = (offset: number) => offset
  readonly #closedAt = new WeakMap<Socket, number>()

  protected settingsProblem(settings: Record<string, unknown>): FakeAnswer | undefined {
    const errors = settingErrors(settings)
    if (errors !== undefined) return this.#invalid('Schema validation error', errors)
    if (!['json', 'binary', 'text', undefined].includes(settings['format'] as string))
      return this.errorAnswer(422, 422, 'Invalid format type.')
    const reset = settings['auto.offset.reset'] ?? 'earliest'
    return ['earliest', 'latest', 'none'].includes(String(reset))
      ? undefined
      : this.errorAnswer(422, 422, `Invalid value ${String(reset)} for configuration auto.offset.reset`)
  }

  protected override errorAnswer(status: number, _code: number, message: string): FakeAnswer {
    return { status, type: plain, body: { error_code: status, message } }
  }

  #invalid(what: string, errors?: readonly string[]): FakeAnswer {
    const answer = this.errorAnswer(400, 400, `Validation error on: ${what}`)
    return errors === undefined
      ? answer
      : { ...answer, body: { ...(answer.body as object), validation_errors: errors } }
  }

  protected override async handle(call: FrontCall): Promise<FakeAnswer> {
    const [, first = '', name = '', third, fourth = ''] = call.path.split('/').map(decodeURIComponent)
    if (call.path === '/') return { status: 200, type: 'application/json', body: { bridge_version: '0.33.1' } }
    if (first === 'healthy' || first === 'ready') return { status: 204 }
    if (first === 'metrics') return { status: 404 }
    if (first === 'admin') return this.#createTopic(call)
    if (first === 'topics') {
      if (call.method === 'GET') return this.metadata(call, name, call.path.split('/').slice(3))
      if (call.method !== 'POST') return { status: 405 }
      return this.#receive(call, name, third === 'partitions' ? Number(fourth) : undefined)
    }
    if (first !== 'consumers') return this.errorAnswer(404, 404, 'Not Found')
    if (call.method === 'POST' && call.body !== '' && call.headers['content-type'] !== plain) return this.#wrongType()
    if (call.method === 'POST' && third === undefined) return this.create(call, name)
    const instance = this.consumers.find(name, fourth)
    const what = `${call.method} ${call.path.split('/').slice(5).join('/')}`
    if (what === 'GET offsets') return { status: 405 }
    if (instance === undefined) return this.errorAnswer(404, 404, 'The specified consumer instance was not found.')
    instance.usedAt = Date.now()
    return this.#ofInstance(what, { call, body: parsed(call.body) ?? {}, instance })
  }

  #wrongType(): FakeAnswer {
    return this.#invalid('The format of the request body is not supported')
  }

  #createTopic(call: FrontCall): FakeAnswer {
    if (call.headers['content-type'] !== 'application/vnd.kafka.json.v2+json') return this.#wrongType()
    const { topic_name: name, partitions_count: count = 1, replication_factor: factor = 1 } = parsed(call.body) ?? {}
    if (typeof name !== 'string')
      return this.#invalid('Schema validation error', ['Instance does not have required property "topic_name"'])
    if (this.kafka.topics.includes(name)) return this.errorAnswer(500, 500, `Topic '${name}' already exists.`)
    if (!/^[\w.-]+$/.test(name)) return this.errorAnswer(500, 500, `Topic name is invalid: '${name}'`)
    if (Number(factor) > 1) return this.errorAnswer(500, 500, 'Unable to replicate the partition')
    this.kafka.createTopic(name, Number(count))
    return { status: 201, type: plain, body: {} }
  }

  protected override async metadata(
    call: FrontCall,
    topic: string,
    rest: readonly (string | undefined)[],
  ): Promise<FakeAnswer> {
    const answer = await super.metadata(call, topic, rest)
    const { error_code: code } = answer.body as { readonly error_code?: number }
    return code === undefined
      ? answer
      : this.errorAnswer(
          404,
          404,
          rest[1] === undefined ? 'UnknownTopicOrPartitionException' : 'Specified partition does not exist.',
        )
  }

  async #receive(call: FrontCall, topic: string, partition: number | undefined): Promise<FakeAnswer> {
    const format = /^application\/vnd\.kafka\.(json|binary|text)\.v2\+json$/.exec(
      call.headers['content-type'] ?? '',
    )?.[1]
    if (format === undefined) return this.#wrongType()
    if (call.body === '') return this.#invalid('The related request does not contain the required body.')
    const body = parsed(call.body)
    if (body === undefined) return this.#invalid("The request body can't be decoded")
    const records = body['records'] as readonly RawRecord[] | undefined
    if (records === undefined) return this.errorAnswer(422, 422, 'Cannot invoke "ArrayNode.iterator()"')
    const errors = recordErrors(records, partition !== undefined)
    if (errors !== undefined) return this.#invalid('Schema validation error', errors)
    const negative = records.find((record) => (record.partition ?? 0) < 0)
    if (negative !== undefined) return this.errorAnswer(422, 422, `Invalid partition: ${negative.partition}.`)
    if (format === 'text' && records.some(({ value }) => typeof value !== 'string'))
      return this.errorAnswer(422, 422, "Because the embedded format is 'text', the value must be a string")
    if (Date.now() - (this.#closedAt.get(call.socket) ?? 0) < 20) return { status: 200, isSilent: true }
    const news = records.map((record) => ({ ...record, partition: partition ?? record.partition }))
    return this.#produceAs(format, { call, topic, records: news as readonly RawRecord[] })
  }

  async #produceAs(
    format: string,
    { call, topic, records }: { call: FrontCall; topic: string; records: readonly RawRecord[] },
  ): Promise<FakeAnswer> {
    const offsets: object[] = []
    for (const { partition, key, value, headers = [], timestamp } of records) {
      if (this.kafka.sizeOf(topic) === undefined || (partition !== undefined && !this.kafka.has(topic, partition))) {
        await sleep(this.blockMs, undefined, { ref: false })
        const what = partition === undefined ? `Topic ${topic} not` : `Partition ${partition} of topic ${topic} is not`
        offsets.push({ error_code: 404, message: `${what} present in metadata after ${this.blockMs} ms.` })
        continue
      }
      const [written] = this.write(topic, [
        {
          ...(partition === undefined ? {} : { partition }),
          key: key === undefined ? null : storedOf(key, format),
          value: storedOf(value ?? null, format),
          headers: headers.map((one) => [one.key, storedOf(one.value, 'binary')] as const),
          ...(timestamp === undefined ? {} : { timestamp }),
        },
      ])
      if (written === undefined) continue
      offsets.push('offset' in written ? written : { error_code: written.code, message: written.message })
    }
    if (offsets.some((one) => 'error_code' in one && one.error_code === 404))
      this.#closedAt.set(call.socket, Date.now())
    return call.query.get('async') === 'true' ? { status: 204 } : { status: 200, type: plain, body: { offsets } }
  }

  protected async produce(): Promise<FakeAnswer> {
    return this.errorAnswer(500, 500, 'not used')
  }

  async #ofInstance(
    what: string,
    request: { readonly call: FrontCall; readonly body: Record<string, unknown>; readonly instance: FakeInstance },
  ): Promise<FakeAnswer> {
    const { body, instance } = request
    const places = (body['partitions'] ?? []) as readonly Place[]
    const exclusive = () =>
      this.errorAnswer(409, 409, 'Subscriptions to topics, partitions, and patterns are mutually exclusive.')
    switch (what) {
      case 'POST subscription':
        return instance.assigned.length > 0 ? exclusive() : super.ofInstance(request, 'subscription')
      case 'GET subscription':
        return { status: 200, type: plain, body: subscriptionOf(instance.places) }
      case 'DELETE subscription':
        instance.subscribed = undefined
        instance.assign([])
        return { status: 204 }
      case 'POST assignments':
        return instance.subscribed === undefined ? super.ofInstance(request, 'assignments') : exclusive()
      case 'POST positions/beginning':
      case 'POST positions/end':
        for (const place of places) {
          const { begin, end } = this.kafka.bounds(place.topic, place.partition)
          instance.seek(place, what.endsWith('end') ? end : begin)
        }
        return { status: 204 }
      case 'POST offsets':
        return this.#commit(instance, body['offsets'] as readonly (Place & { readonly offset: number })[] | undefined)
      default:
        return super.ofInstance(request, what.split(' ')[1] ?? '')
    }
  }

  async #commit(
    instance: FakeInstance,
    offsets: readonly (Place & { readonly offset: number })[] | undefined,
  ): Promise<FakeAnswer> {
    if (offsets?.some((one) => 'metadata' in one) === true)
      return this.#invalid('Schema validation error', ['Property "offsets" does not match schema'])
    if (offsets?.some(({ topic, partition }) => !this.kafka.has(topic, partition)) === true) {
      await sleep(this.blockMs, undefined, { ref: false })
      return this.errorAnswer(500, 500, 'Timeout of 60000ms expired before successfully committing offsets')
    }
    for (const { topic, partition, offset } of offsets ?? [])
      this.kafka.commit(instance.group, { topic, partition, next: offset })
    if (offsets === undefined)
      for (const place of instance.places)
        this.kafka.commit(instance.group, { ...place, next: instance.positionOf(place) })
    return { status: 204 }
  }

  protected override async poll(request: Parameters<FakeV2['poll']>[0]): Promise<FakeAnswer> {
    const { call, instance } = request
    if (call.headers.accept !== `application/vnd.kafka.${instance.format}.v2+json`)
      return this.errorAnswer(
        406,
        406,
        'Consumer format does not match the embedded format requested by the Accept header.',
      )
    if (instance.places.length === 0)
      return this.errorAnswer(500, 500, 'Consumer is not subscribed to any topics or assigned any partitions')
    const most = Number(call.query.get('max_bytes') ?? Infinity)
    call.query.delete('max_bytes')
    const answer = await super.poll(request)
    // From here on, the position has moved.
    if (answer.status !== 200) return answer
    if (Buffer.byteLength(JSON.stringify(answer.body)) > most)
      return this.errorAnswer(422, 422, 'Response exceeds the maximum number of bytes the consumer can receive')
    const records = answer.body as readonly { readonly headers?: readonly { readonly value: string | null }[] }[]
    if (records.some(({ headers = [] }) => headers.some(({ value }) => value === null)))
      return { status: 200, isSilent: true }
    return answer
  }

  protected override recordsAnswer(type: string, polled: readonly PolledRecord[]): FakeAnswer {
    if (type.includes('json.v2') && polled.some(({ record }) => [record.key, record.value].some(isNotJson)))
      return this.errorAnswer(406, 406, 'Failed to decode:Unrecognized token')
    return super.recordsAnswer(type, polled)
  }

  protected override wireOf(polled: PolledRecord): Record<string, unknown> {
    const { record } = polled
    const headers = record.headers.map(([key, value]) => ({ key, value: value?.toString('base64') ?? null }))
    return {
      ...super.wireOf(polled),
      timestamp: record.timestamp,
      ...(headers.length === 0 ? {} : { headers }),
    }
  }
}

function subscriptionOf(places: readonly Place[]): object {
  const topics = Map.groupBy(places, ({ topic }) => topic)
  return {
    topics: [...topics.keys()],
    partitions: Array.from(topics, ([topic, some]) => ({ [topic]: some.map(({ partition }) => partition) })),
  }
}

/** What the bridge makes of a key or a value: what is no base64 becomes other bytes, in silence. */
function storedOf(value: unknown, format: string): Buffer {
  if (format !== 'binary') return Buffer.from(format === 'text' ? String(value) : JSON.stringify(value))
  const text = value === null ? 'null' : String(value)
  return /^[A-Za-z\d+/=]*$/.test(text)
    ? Buffer.from(text.slice(0, text.length - (text.length % 4)), 'base64')
    : Buffer.alloc(0)
}

function isNotJson(bytes: Buffer | null): boolean {
  if (bytes === null) return false
  try {
    JSON.parse(bytes.toString())
    return false
  } catch {
    return true
  }
}

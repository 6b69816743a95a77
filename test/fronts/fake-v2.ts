import { FakeConsumers, FakeInstance, type Place, type PolledRecord } from './fake-consumers.ts'
import { type FakeAnswer, FakeFront, type FrontCall, parsed, type RecordTrouble } from './fake-front.ts'
import type { NewRecord } from './fake-kafka.ts'
import { partitionOfBytes } from '../../src/storage/murmur2.ts'

export const plain = 'application/vnd.kafka.v2+json'

/** What became of one record. */
export type Written =
  | { readonly partition: number; readonly offset: number }
  | (RecordTrouble & { readonly partition: number })

export interface RawRecord {
  readonly partition?: number
  readonly key?: string | null
  readonly value?: string | null
  readonly timestamp?: number
  readonly headers?: readonly { readonly key: string; readonly value: string | null }[]
}

/** A route below `/consumers/{group}/instances/{name}`. */
interface InstanceCall {
  readonly call: FrontCall
  readonly body: Record<string, unknown>
  readonly instance: FakeInstance
}

/** What the fronts of Confluent's REST v2 have in common; see the facts of each in its own file. */
export abstract class FakeV2 extends FakeFront {
  readonly consumers = new FakeConsumers()
  /** Polls that give nothing although there is something. */
  emptyPolls = 0
  /** Records of one poll. */
  maxPollRecords = 30
  /** Milliseconds of a poll that names none. */
  protected readonly usualTimeoutMs: number = 1_000

  protected abstract produce(call: FrontCall, topic: string, records: readonly RawRecord[]): Promise<FakeAnswer>

  /** What is wrong with the settings of a new instance. */
  protected abstract settingsProblem(settings: Record<string, unknown>): FakeAnswer | undefined

  /** The number that is stored where a caller commits one. */
  protected readonly committedOf = (offset: number): number => offset + 1

  protected errorAnswer(status: number, code: number, message: string): FakeAnswer {
    return { status, type: plain, body: { error_code: code, message } }
  }

  protected typeProblem({ method, headers, body }: FrontCall, wanted: RegExp): FakeAnswer | undefined {
    const type = headers['content-type'] ?? ''
    return method === 'POST' && body !== '' && !wanted.test(type)
      ? this.errorAnswer(415, 415, `HTTP 415 Unsupported Media Type: ${type}`)
      : undefined
  }

  protected async handle(call: FrontCall): Promise<FakeAnswer> {
    const [, first, name = '', third, fourth = '', fifth] = call.path.split('/').map(decodeURIComponent)
    if (first === 'topics') {
      if (call.method === 'POST' && third === undefined) {
        const body = parsed(call.body)
        const problem = this.typeProblem(call, /^application\/vnd\.kafka\.(binary|json)\.v2\+json$/)
        if (problem !== undefined) return problem
        return this.produce(call, name, (body?.['records'] ?? []) as readonly RawRecord[])
      }
      if (call.method === 'GET') return this.metadata(call, name, [third, fourth, fifth])
    }
    if (first === 'consumers') {
      const problem = this.typeProblem(call, /^application\/vnd\.kafka\.v2\+json$/)
      if (problem !== undefined) return problem
      if (call.method === 'POST' && third === undefined) return this.create(call, name)
      const instance = this.consumers.find(name, fourth)
      if (instance === undefined) return this.errorAnswer(404, 40403, 'Consumer instance not found.')
      instance.usedAt = Date.now()
      return this.ofInstance({ call, body: parsed(call.body) ?? {}, instance }, call.path.split('/').slice(5).join('/'))
    }
    return this.errorAnswer(404, 404, 'HTTP 404 Not Found')
  }

  protected async metadata(
    _call: FrontCall,
    topic: string,
    [what, number, more]: readonly (string | undefined)[],
  ): Promise<FakeAnswer> {
    if (topic === '') return { status: 200, type: plain, body: this.kafka.topics }
    const size = this.kafka.sizeOf(topic)
    if (size === undefined) return this.errorAnswer(404, 40401, 'Topic not found.')
    const all = Array.from({ length: size }, (_, partition) => ({ partition, leader: 1, replicas: [] }))
    if (what === undefined) return { status: 200, type: plain, body: { name: topic, configs: {}, partitions: all } }
    if (number === undefined || number === '') return { status: 200, type: plain, body: all }
    const one = all[Number(number)]
    if (one === undefined) return this.errorAnswer(404, 40402, 'Partition not found.')
    if (more !== 'offsets') return { status: 200, type: plain, body: one }
    const { begin, end } = this.kafka.bounds(topic, one.partition)
    return { status: 200, type: plain, body: { beginning_offset: begin, end_offset: end } }
  }

  protected async create(call: FrontCall, group: string): Promise<FakeAnswer> {
    const settings = parsed(call.body) ?? {}
    const problem = this.settingsProblem(settings)
    if (problem !== undefined) return problem
    const name = typeof settings['name'] === 'string' ? settings['name'] : crypto.randomUUID()
    if (this.consumers.find(group, name) !== undefined)
      return this.errorAnswer(409, 40902, 'Consumer instance with the specified name already exists.')
    const format = String(settings['format'] ?? 'binary')
    const reset = String(settings['auto.offset.reset'] ?? 'latest')
    this.consumers.add(new FakeInstance(this.kafka, { group, name, format, reset }))
    return {
      status: 200,
      type: plain,
      body: { instance_id: name, base_uri: `${this.url}/consumers/${group}/instances/${name}` },
    }
  }

  protected async ofInstance({ call, body, instance }: InstanceCall, what: string): Promise<FakeAnswer> {
    const places = (body['partitions'] ?? []) as readonly Place[]
    const offsets = (body['offsets'] ?? []) as readonly (Place & { readonly offset: number })[]
    switch (`${call.method} ${what}`) {
      case 'DELETE ':
        await instance.idle()
        this.consumers.remove(instance)
        return { status: 204 }
      case 'POST assignments':
        if (instance.subscribed !== undefined) return this.errorAnswer(409, 40903, 'Subscription is exclusive.')
        instance.assign(places)
        return { status: 204 }
      case 'POST subscription':
        instance.subscribed = body['topics'] as readonly string[]
        return { status: 204 }
      case 'POST positions': {
        const stray = offsets.find((place) => !instance.owns(place))
        if (stray !== undefined)
          return this.errorAnswer(404, 404, `No current assignment for partition ${stray.topic}-${stray.partition}`)
        for (const { offset, ...place } of offsets) instance.seek(place, offset)
        return { status: 204 }
      }
      case 'POST offsets':
        for (const { topic, partition, offset } of offsets)
          this.kafka.commit(instance.group, { topic, partition, next: this.committedOf(offset) })
        return { status: 200, type: plain, body: {} }
      case 'GET records':
        return this.poll({ call, body, instance })
      default:
        return this.errorAnswer(404, 404, 'HTTP 404 Not Found')
    }
  }

  protected async poll({ call, instance }: InstanceCall): Promise<FakeAnswer> {
    const type = `application/vnd.kafka.${instance.format}.v2+json`
    if (call.headers.accept !== type) return this.errorAnswer(406, 40601, 'The requested embedded data format differs.')
    if (instance.places.length === 0) return this.errorAnswer(500, 50002, 'Consumer is not subscribed to any topics')
    if (this.emptyPolls > 0) {
      this.emptyPolls--
      return this.recordsAnswer(type, [])
    }
    const polled = await instance.poll({
      timeoutMs: Number(call.query.get('timeout') ?? this.usualTimeoutMs),
      maxRecords: this.maxPollRecords,
      maxBytes: Number(call.query.get('max_bytes') ?? 67_108_864),
    })
    return this.recordsAnswer(type, polled)
  }

  protected recordsAnswer(type: string, polled: readonly PolledRecord[]): FakeAnswer {
    return { status: 200, type, body: polled.map((one) => this.wireOf(one)) }
  }

  /** As this front shows a record; Confluent, Karapace and Redpanda show neither time nor headers. */
  protected wireOf({ topic, partition, record }: PolledRecord): Record<string, unknown> {
    const text = (bytes: Buffer | null) => bytes?.toString('base64') ?? null
    return { topic, key: text(record.key), value: text(record.value), partition, offset: record.offset }
  }

  /** Writes records one by one; what fails does not keep later ones from being written. */
  protected write(topic: string, records: readonly (NewRecord & { readonly partition?: number })[]): Written[] {
    return records.map(({ partition: wanted, ...record }) => {
      const size = this.kafka.sizeOf(topic) ?? 1
      const partition = wanted ?? (record.key === null ? 0 : partitionOfBytes(record.key, size))
      const trouble = this.troubleOf(record, partition)
      if (trouble !== undefined && trouble.written !== true) return { partition, ...trouble }
      const offset = this.kafka.append(topic, partition, record)
      if (typeof offset === 'string') return { partition, code: this.tooLargeCode, message: offset }
      return trouble === undefined ? { partition, offset } : { partition, ...trouble }
    })
  }

  protected readonly tooLargeCode: number = 50002
}

/** Reads base64 as Java's and C++'s decoders of these fronts do for what is base64. */
export const bytesOf = (text: string | null | undefined): Buffer | null =>
  text === null || text === undefined ? null : Buffer.from(text, 'base64')

import type { PolledRecord } from './fake-consumers.ts'
import type { FakeAnswer, FrontCall } from './fake-front.ts'
import { bytesOf, FakeV2, plain, type RawRecord } from './fake-v2.ts'

/**
 * Redpanda's HTTP proxy (pandaproxy), as its source has it.
 *
 * A produce answers with one entry for each partition, with its base offset, in no fixed order, and with 200 even where it holds
 * an error code (Kafka's number, without words). `null` for a key or value cannot be parsed; a key that is left out is an empty
 * one, a value that is left out is a tombstone. Reads by offset need no consumer, need all three parameters, and hand out whole
 * batches, with what is before the offset; an offset that is not there is 400 `offset_out_of_range`. Instances take neither
 * assignments nor positions, and begin at the oldest record. Topics are names only.
 *
 * https://docs.redpanda.com/api/doc/http-proxy/ and https://github.com/redpanda-data/redpanda (2024-12-20, and newer single files)
 */
export class FakeRedpanda extends FakeV2 {
  /** Whole batches are handed out: the records that one call wrote to a partition, by their offsets. */
  readonly #batches = new Map<number, number>()
  /** True: a read answers with an object that has `records`, as the documentation shows it. */
  wrapsRecords = false

  protected settingsProblem(settings: Record<string, unknown>): FakeAnswer | undefined {
    return settings['auto.offset.reset'] === 'earliest' && settings['auto.commit.enable'] === 'false'
      ? undefined
      : this.errorAnswer(400, 40002, 'auto.offset must be earliest')
  }

  protected override async metadata(
    call: FrontCall,
    topic: string,
    rest: readonly (string | undefined)[],
  ): Promise<FakeAnswer> {
    if (topic === '') return { status: 200, type: plain, body: this.kafka.topics }
    const [what, number, more] = rest
    if (what !== 'partitions' || more !== 'records') return this.errorAnswer(404, 404, 'Not found')
    const partition = Number(number)
    if (!this.kafka.has(topic, partition)) return this.errorAnswer(404, 40402, 'unknown_topic_or_partition')
    for (const name of ['offset', 'timeout', 'max_bytes'])
      if (!call.query.has(name)) return this.errorAnswer(400, 40002, `Missing mandatory parameter '${name}'`)
    const from = Number(call.query.get('offset'))
    const { begin, end } = this.kafka.bounds(topic, partition)
    if (from < begin || from > end) return this.errorAnswer(400, 40002, 'offset_out_of_range')
    if (from === end) await this.kafka.wait(Number(call.query.get('timeout')))
    if (this.emptyPolls > 0) {
      this.emptyPolls--
      return this.#records([])
    }
    const start = Math.max(begin, this.#batches.get(from) ?? from)
    let bytes = 0
    const found = this.kafka.read(topic, partition, start).filter(({ key, value, offset }) => {
      const isFirst = offset <= from
      bytes += (key?.length ?? 0) + (value?.length ?? 0)
      return isFirst || bytes <= Number(call.query.get('max_bytes'))
    })
    return this.#records(found.map((record) => ({ topic, partition, record })))
  }

  #records(polled: readonly PolledRecord[]): FakeAnswer {
    const list = polled.map((one) => this.wireOf(one))
    return {
      status: 200,
      type: 'application/vnd.kafka.binary.v2+json',
      body: this.wrapsRecords ? { records: list } : list,
    }
  }

  /** An empty key is shown as null. */
  protected override wireOf(polled: PolledRecord): Record<string, unknown> {
    const { key, ...shown } = super.wireOf(polled)
    return { ...shown, key: key === '' ? null : key }
  }

  protected override async ofInstance(request: Parameters<FakeV2['ofInstance']>[0], what: string): Promise<FakeAnswer> {
    return what === 'assignments' || what.startsWith('positions')
      ? this.errorAnswer(404, 404, 'Not found')
      : super.ofInstance(request, what)
  }

  protected async produce(_call: FrontCall, topic: string, records: readonly RawRecord[]): Promise<FakeAnswer> {
    if (records.some(({ key, value }) => key === null || value === null))
      return this.errorAnswer(422, 42201, 'unable to parse')
    if (this.kafka.sizeOf(topic) === undefined)
      return { status: 200, type: plain, body: { offsets: [{ partition: 0, error_code: 3, offset: -1 }] } }
    const offsets: Record<string, unknown>[] = []
    for (const [partition, some] of Map.groupBy(records, (record) => record.partition ?? 0)) {
      const news = some.map(({ key, value }) => ({
        partition,
        key: bytesOf(key ?? ''),
        value: bytesOf(value),
        headers: [],
      }))
      // A batch is written as a whole, or not at all.
      const isTooLarge = news.some(
        ({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0) > this.kafka.maxRecordBytes,
      )
      const trouble = news.map((record) => this.troubleOf(record, partition)).find((one) => one !== undefined)
      if (isTooLarge || (trouble !== undefined && trouble.written !== true)) {
        offsets.unshift({ partition, error_code: isTooLarge ? 10 : trouble?.code, offset: -1 })
        continue
      }
      const [first, ...others] = this.write(topic, news)
      const base = first !== undefined && 'offset' in first ? first.offset : this.kafka.bounds(topic, partition).end - 1
      for (let i = 0; i <= others.length; i++) this.#batches.set(base + i, base)
      offsets.unshift(
        trouble === undefined ? { partition, offset: base } : { partition, error_code: trouble.code, offset: -1 },
      )
    }
    return { status: 200, type: plain, body: { offsets } }
  }
}

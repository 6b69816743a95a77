import type { FakeAnswer, FrontCall } from './fake-front.ts'
import { bytesOf, FakeV2, plain, type RawRecord } from './fake-v2.ts'

const known = new Set([
  'name',
  'format',
  'auto.offset.reset',
  'auto.commit.enable',
  'fetch.min.bytes',
  'consumer.request.timeout.ms',
])

/**
 * Confluent's REST proxy, version 2 of its API, as its source (kafka-rest 8.5) has it.
 *
 * Status 200 although records failed (but for 401 and 403), an outcome for each record in order, codes 40101, 40301, 50002 (final)
 * and 50003; no headers and no time; null is a tombstone; a commit takes the last offset that was processed; a poll waits for all
 * of its time unless `fetch.min.bytes` is set, and gives 30 records; idle instances end after 300 s.
 *
 * https://docs.confluent.io/platform/current/kafka-rest/api.html and https://github.com/confluentinc/kafka-rest (2026-08-17)
 */
export class FakeConfluent extends FakeV2 {
  constructor(...args: ConstructorParameters<typeof FakeV2>) {
    super(...args)
    this.consumers.idleMs = 300_000
  }

  protected settingsProblem(settings: Record<string, unknown>): FakeAnswer | undefined {
    const wrong = Object.entries(settings).find(([name, value]) => !known.has(name) || typeof value !== 'string')
    if (wrong !== undefined) return this.errorAnswer(422, 42204, `Invalid consumer configuration: ${wrong[0]}`)
    // Left out, Java's defaults hold: it commits by itself, and begins at the end.
    if (settings['auto.commit.enable'] !== 'false' || settings['fetch.min.bytes'] === undefined)
      return this.errorAnswer(422, 42204, 'this fake wants auto.commit.enable and fetch.min.bytes')
    return undefined
  }

  protected async produce(_call: FrontCall, topic: string, records: readonly RawRecord[]): Promise<FakeAnswer> {
    if (this.kafka.sizeOf(topic) === undefined) {
      // The producer waits for the metadata (max.block.ms) before it gives up.
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
      return this.errorAnswer(404, 40401, 'Topic not found.')
    }
    if (records.some((record) => record.headers !== undefined || record.timestamp !== undefined))
      return this.errorAnswer(422, 422, 'Unrecognized field: headers')
    const written = this.write(
      topic,
      records.map(({ partition, key, value }) => ({
        ...(partition === undefined ? {} : { partition }),
        key: bytesOf(key),
        value: bytesOf(value),
        headers: [],
      })),
    )
    const offsets = written.map((one) =>
      'offset' in one
        ? { ...one, error_code: null, error: null }
        : { partition: null, offset: null, error_code: one.code, error: one.message },
    )
    const auth = offsets.find(({ error_code: code }) => code === 40101 || code === 40301)
    return {
      status: auth === undefined ? 200 : Math.floor((auth.error_code ?? 0) / 100),
      type: plain,
      body: { offsets, key_schema_id: null, value_schema_id: null },
    }
  }
}

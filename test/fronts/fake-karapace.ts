import type { PolledRecord } from './fake-consumers.ts'
import type { FakeAnswer, FrontCall } from './fake-front.ts'
import { bytesOf, FakeV2, plain, type RawRecord } from './fake-v2.ts'

/**
 * Karapace's REST proxy (Aiven), as its source of 6.2.0 and its change of 6.2.3 have it.
 *
 * A record holds key, value and partition, from 6.2.3 on also headers; anything else is 422. Whatever is empty becomes empty
 * bytes: there are no tombstones. A failed produce is 422 with codes 1 (final) and 2 of each record; empty answers are 204; a
 * commit takes the last offset that was processed, and hangs for a partition that the instance does not own; instances never end.
 *
 * https://github.com/Aiven-Open/karapace (2026-06-23; headers: 6.2.3)
 */
export class FakeKarapace extends FakeV2 {
  /** True: 6.2.3 or newer. */
  headers = false
  protected override readonly tooLargeCode = 1

  protected settingsProblem(settings: Record<string, unknown>): FakeAnswer | undefined {
    return settings['auto.commit.enable'] === 'false'
      ? undefined
      : this.errorAnswer(422, 42204, 'this fake wants auto.commit.enable')
  }

  protected async produce(_call: FrontCall, topic: string, records: readonly RawRecord[]): Promise<FakeAnswer> {
    if (this.kafka.sizeOf(topic) === undefined) return this.errorAnswer(404, 40401, `Topic ${topic} not found`)
    const allowed = new Set(['key', 'value', 'partition', ...(this.headers ? ['headers'] : [])])
    if (records.some((record) => Object.keys(record).some((field) => !allowed.has(field))))
      return this.errorAnswer(422, 422, 'Invalid request format')
    const written = this.write(
      topic,
      records.map(({ partition, key, value, headers = [] }) => ({
        ...(partition === undefined ? {} : { partition }),
        key: bytesOf(key),
        value: bytesOf(value ?? ''),
        headers: headers.map(({ key: name, value: one }) => [name, bytesOf(one)] as const),
      })),
    )
    const offsets = written.map((one) => ('offset' in one ? one : { error_code: one.code, error: one.message }))
    return {
      status: written.every((one) => 'offset' in one) ? 200 : 422,
      type: plain,
      body: { key_schema_id: null, value_schema_id: null, offsets },
    }
  }

  protected override async ofInstance(request: Parameters<FakeV2['ofInstance']>[0], what: string): Promise<FakeAnswer> {
    const offsets = (request.body['offsets'] ?? []) as readonly { topic: string; partition: number }[]
    if (what === 'offsets' && offsets.some((place) => !request.instance.owns(place)))
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
    return super.ofInstance(request, what)
  }

  protected override recordsAnswer(type: string, polled: readonly PolledRecord[]): FakeAnswer {
    return polled.length === 0 ? { status: 204 } : super.recordsAnswer(type, polled)
  }

  protected override wireOf(polled: PolledRecord): Record<string, unknown> {
    const headers = polled.record.headers.map(([key, value]) => ({ key, value: value?.toString('base64') ?? null }))
    return { ...super.wireOf(polled), ...(this.headers ? { headers } : {}) }
  }
}

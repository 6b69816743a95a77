import { defineV2Front } from './shared/define-v2-front.ts'
import { frontSettings } from './shared/settings.ts'

/**
 * Reaches Kafka through Confluent's REST proxy, version 2 of its API: produces and consumes, without record headers.
 *
 * Several proxies behind one address need sticky sessions to consume: an instance lives in one of them.
 * https://docs.confluent.io/platform/current/kafka-rest/api.html (checked 2026-11-22)
 *
 * @param input `url`; optionally `username` and `password` or `token`, `headers`, `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example confluent({ url: 'https://rest.kafka.example.com', username: 'router', password: env.KAFKA_PASSWORD })
 */
export const confluent = defineV2Front(frontSettings, () => ({
  name: 'confluent',
  capabilities: {
    consume: true,
    headers: false,
    timestamps: false,
    tombstones: true,
    partitionCount: true,
    latest: true,
    maxRecords: 500,
    maxBytes: 900_000,
  },
  // Left out, Kafka's own defaults hold: commits by itself, begins at the end, and waits for all of the time.
  // The time of a read is capped by the time of requests.
  instance: {
    'auto.commit.enable': 'false',
    'auto.offset.reset': 'earliest',
    'fetch.min.bytes': '1',
    'consumer.request.timeout.ms': '30000',
  },
  commit: 'last',
  reportsEachRecord: true,
  tombstone: 'null',
  // 50002 is said of what may have been written, too; 1 and 2 are the codes of older ones.
  codes: { 40101: 'ours', 40301: 'ours', 40401: 'ours', 40402: 'ours' },
  boundedReads: true,
}))

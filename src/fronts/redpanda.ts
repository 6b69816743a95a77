import { defineV2Front } from './shared/define-v2-front.ts'
import { frontSettings } from './shared/settings.ts'

/**
 * Reaches Redpanda through its HTTP proxy: produces and consumes, without record headers.
 *
 * The proxy does not tell how many partitions a topic has: `partitions` says it, for every topic that is used. A wrong number
 * puts a user's events into two partitions. A record without a key gets an empty one. Reading begins at the oldest record, or at an offset.
 * https://docs.redpanda.com/api/doc/http-proxy/ (checked 2026-11-22)
 *
 * @param input `url` and `partitions`; optionally `username` and `password` or `token`, `headers`, `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example redpanda({ url: 'https://proxy.redpanda.example.com', partitions: 6, token: env.REDPANDA_TOKEN })
 */
export const redpanda = defineV2Front(
  {
    ...frontSettings,
    partitions: {
      type: 'number',
      about: 'Partitions of every topic that is used.',
      min: 1,
      max: 10_000,
      check: (value: number) => (Number.isInteger(value) ? undefined : 'must be a whole number'),
    },
  },
  () => ({
    name: 'redpanda',
    capabilities: {
      consume: true,
      headers: false,
      timestamps: false,
      tombstones: true,
      partitionCount: false,
      latest: false,
      maxRecords: 500,
      maxBytes: 900_000,
    },
    instance: {},
    commit: 'last',
    reportsEachRecord: false,
    tombstone: 'omit',
    // Kafka's own numbers: unknown topic or partition, no leader, not the leader, not allowed; too large.
    codes: { 3: 'yes', 5: 'yes', 6: 'yes', 29: 'ours', 31: 'ours', 40301: 'ours', 40402: 'ours' },
    sizeCodes: [10, 18],
    statelessFetch: true,
  }),
)

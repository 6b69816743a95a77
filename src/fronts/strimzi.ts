import { defineV2Front } from './shared/define-v2-front.ts'
import { frontSettings } from './shared/settings.ts'

/**
 * Reaches Kafka through Strimzi's HTTP bridge: produces and consumes, with record headers and timestamps.
 *
 * It has no login of its own: put it behind a gateway that has one. Several bridges behind one address need client affinity. It
 * cannot write tombstones, nor headers without a value. A record that fails may have been written all the same: it is sent again.
 * https://strimzi.io/docs/bridge/latest/ (0.33 and 1.x, checked 2026-11-22)
 *
 * @param input `url`; optionally `username` and `password` or `token` of the gateway, `headers`, `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example strimzi({ url: 'https://bridge.example.com', token: env.BRIDGE_TOKEN })
 */
export const strimzi = defineV2Front(frontSettings, () => ({
  name: 'strimzi',
  capabilities: {
    consume: true,
    headers: true,
    timestamps: true,
    tombstones: false,
    partitionCount: true,
    latest: true,
    maxRecords: 500,
    maxBytes: 900_000,
  },
  instance: { 'enable.auto.commit': false, 'auto.offset.reset': 'earliest', 'fetch.min.bytes': 1 },
  commit: 'next',
  reportsEachRecord: true,
  tombstone: 'null',
  // 404 is said while Kafka is away, and 500 of what was written.
  codes: {},
  filledHeaders: true,
  restMs: 50,
}))

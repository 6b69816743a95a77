import { defineV2Front } from './shared/define-v2-front.ts'
import { frontSettings } from './shared/settings.ts'

/**
 * Reaches Kafka through Karapace's REST proxy (Aiven): produces and consumes.
 *
 * It writes with `acks=1` unless it is told otherwise (`producer_acks=all`): a broker that dies may then lose what it has
 * confirmed. It cannot write tombstones.
 * https://github.com/Aiven-Open/karapace (6.2, checked 2026-11-22)
 *
 * @param input `url`; optionally `username` and `password` or `token`, `recordHeaders` (Karapace 6.2.3 or newer), `headers`,
 *   `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example karapace({ url: 'https://karapace.example.com', username: 'router', password: env.KAFKA_PASSWORD })
 */
export const karapace = defineV2Front(
  {
    ...frontSettings,
    recordHeaders: {
      type: 'boolean',
      about: 'Sends and reads record headers: Karapace 6.2.3 or newer.',
      default: false,
    },
  },
  ({ recordHeaders }) => ({
    name: 'karapace',
    capabilities: {
      consume: true,
      headers: recordHeaders === true,
      timestamps: false,
      tombstones: false,
      partitionCount: true,
      latest: true,
      maxRecords: 500,
      maxBytes: 900_000,
    },
    instance: { 'auto.commit.enable': 'false', 'auto.offset.reset': 'earliest', 'fetch.min.bytes': '1' },
    commit: 'last',
    reportsEachRecord: true,
    tombstone: 'null',
    codes: {},
    boundedReads: true,
  }),
)

import type { KafkaFront } from '../core/kafka.ts'
import { confluentV3 } from './confluent-v3.ts'

/** What Confluent Cloud needs; a missing value becomes a problem of the config. */
export interface ConfluentCloudSettings {
  /** REST endpoint of the cluster, `https://pkc-….confluent.cloud:443`. */
  readonly url: string | undefined
  /** Id of the cluster, `lkc-…`. */
  readonly clusterId: string | undefined
  /** Key and secret of an API key of the cluster; secrets belong in `env`. */
  readonly apiKey: string | undefined
  readonly apiSecret: string | undefined
}

/**
 * Reaches Confluent Cloud over its REST API: produces, and cannot consume.
 *
 * https://docs.confluent.io/cloud/current/api.html (checked 2026-11-22)
 *
 * @param settings all four are required
 * @returns the front, for a destination
 * @example confluentCloud({ url: 'https://pkc-abcde.eu-central-1.aws.confluent.cloud:443', clusterId: 'lkc-12345', apiKey: env.CC_KEY, apiSecret: env.CC_SECRET })
 */
export function confluentCloud({ url, clusterId, apiKey, apiSecret }: ConfluentCloudSettings): KafkaFront {
  const front = confluentV3({ url, base: '/kafka/v3', clusterId, username: apiKey, password: apiSecret })
  const missing = Object.entries({ clusterId, apiKey, apiSecret }).filter(([, value]) => !value)
  return {
    ...front,
    name: 'confluent-cloud',
    problems: [
      ...front.problems.filter((problem) => !/^"(username|password)"/.test(problem)),
      ...missing.map(([name]) => `"${name}" is missing: it is on the page of the cluster in Confluent Cloud`),
    ],
  }
}

import { checkSettings, type Input } from '../configure/settings.ts'
import type { KafkaFront } from '../core/kafka.ts'
import { connectV3, v3Capabilities } from './shared/define-v3-front.ts'
import { accessProblems, frontSettings } from './shared/settings.ts'

const { url, headers, allowPrivate } = frontSettings
const fields = {
  url: { ...url, about: 'REST endpoint of the cluster, https://pkc-….confluent.cloud:443.' },
  clusterId: { type: 'string', about: 'Id of the cluster, lkc-…; it is on the page of the cluster.' },
  apiKey: { type: 'string', about: 'Key of an API key of the cluster.' },
  apiSecret: { type: 'string', about: 'Secret of the API key.', secret: true },
  headers,
  allowPrivate,
} as const

/**
 * Reaches Confluent Cloud over its REST API: produces, and cannot consume.
 *
 * https://docs.confluent.io/cloud/current/api.html (checked 2026-11-22)
 *
 * @param input `url`, `clusterId`, `apiKey`, `apiSecret`; optionally `headers`, `allowPrivate`
 * @returns the front, for a destination
 * @example confluentCloud({ url: 'https://pkc-abcde.eu-central-1.aws.confluent.cloud:443', clusterId: 'lkc-12345', apiKey: env.CC_KEY, apiSecret: env.CC_SECRET })
 */
export function confluentCloud(input: Input<typeof fields>): KafkaFront {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { apiKey: username, apiSecret: password, clusterId } = settings
  const access = { ...settings, username, password }
  return {
    kind: 'kafka-front',
    name: 'confluent-cloud',
    // What is missing is named above, by its own name.
    problems: [...problems, ...(username === undefined || password === undefined ? [] : accessProblems(access))],
    redacted,
    capabilities: v3Capabilities,
    connect: connectV3(access, '/kafka/v3', clusterId),
  }
}

import { checkSettings, type Input } from '../configure/settings.ts'
import type { KafkaFront } from '../core/kafka.ts'
import { connectV3, v3Capabilities } from './shared/define-v3-front.ts'
import { accessProblems, frontSettings } from './shared/settings.ts'

const fields = {
  ...frontSettings,
  clusterId: { type: 'string', about: 'Id of the cluster; asked for when left out.', optional: true },
  base: {
    type: 'choice',
    about: 'Path of the API: /v3 on a REST proxy, /kafka/v3 on Confluent Server.',
    choices: ['/v3', '/kafka/v3'],
    default: '/v3',
  },
} as const

/**
 * Reaches Kafka through version 3 of Confluent's REST API: produces, with record headers and timestamps, and cannot consume.
 *
 * https://docs.confluent.io/platform/current/kafka-rest/api.html (checked 2026-11-22)
 *
 * @param input `url`; optionally `base` (`/v3`), `clusterId`, `username` and `password` or `token`, `headers`, `allowPrivate`
 * @returns the front, for a destination
 * @example confluentV3({ url: 'https://rest.kafka.example.com', username: 'router', password: env.KAFKA_PASSWORD })
 */
export function confluentV3(input: Input<typeof fields>): KafkaFront {
  const { settings, problems, redacted } = checkSettings(fields, input)
  return {
    kind: 'kafka-front',
    name: 'confluent-v3',
    problems: [...problems, ...accessProblems(settings)],
    redacted,
    capabilities: v3Capabilities,
    connect: connectV3(settings, settings.base, settings.clusterId),
  }
}

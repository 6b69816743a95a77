import { checkSettings, type Input } from '../configure/settings.ts'
import type { KafkaFront } from '../core/kafka.ts'
import { UpstashConnection } from './shared/upstash-connection.ts'
import { accessHeaders, accessProblems, frontSettings } from './shared/settings.ts'

const { url, headers, allowPrivate } = frontSettings
const fields = {
  url,
  username: { type: 'string', about: 'User of Basic auth.' },
  password: { type: 'string', about: 'Password of Basic auth.', secret: true },
  headers,
  allowPrivate,
} as const

/**
 * Reaches a server that speaks Upstash's Kafka REST API: the log of another Sluiceway (`https://…/kafka`), the bridge in front of
 * a Kafka of your own (docs/bridge.md), or another gateway that knows the header `Kafka-Encoding: base64`.
 *
 * The service of Upstash itself ended on 2025-03-11. https://upstash.com/docs/kafka/rest (archived)
 *
 * @param input `url`, `username`, `password`; optionally `headers`, `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example upstash({ url: 'https://bridge.example.com', username: 'router', password: env.BRIDGE_PASSWORD })
 */
export function upstash(input: Input<typeof fields>): KafkaFront {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const capabilities: KafkaFront['capabilities'] = {
    consume: true,
    headers: true,
    timestamps: true,
    tombstones: true,
    partitionCount: true,
    latest: true,
    maxRecords: 1_000,
    maxBytes: 2_000_000,
  }
  return {
    kind: 'kafka-front',
    name: 'upstash',
    problems: [
      ...problems,
      ...(settings.username === undefined || settings.password === undefined ? [] : accessProblems(settings)),
      ...(settings.url?.includes('.upstash.io')
        ? ['"url": Upstash ended its Kafka on 2025-03-11; use your own Kafka with the bridge, or log()']
        : []),
    ],
    redacted,
    capabilities,
    connect: (port, client) =>
      new UpstashConnection({
        settings,
        headers: accessHeaders(settings),
        capabilities,
        port,
        client,
      }),
  }
}

import { hostProblem } from '../configure/public-host.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { KafkaFront } from '../core/kafka.ts'
import { type BrokerAccess, BrokerClient } from './tcp/broker-client.ts'
import { TcpConnection } from './tcp/tcp-connection.ts'

const fields = {
  brokers: {
    type: 'string',
    about: 'Brokers to begin with, as host:port, separated by commas.',
    check: (value: string) => {
      const wrong = brokersIn(value).find((one) => !/^[\w.-]+:\d{1,5}$|^\[[\da-f:]+\]:\d{1,5}$/i.test(one))
      return wrong === undefined && brokersIn(value).length > 0
        ? undefined
        : 'must be host:port, or several with commas'
    },
  },
  tls: { type: 'boolean', about: 'TLS with a certificate of a public authority.', default: true },
  mechanism: {
    type: 'choice',
    about: 'How the user logs in (SASL).',
    choices: ['plain', 'scram-sha-256', 'scram-sha-512'],
    default: 'scram-sha-512',
  },
  username: { type: 'string', about: 'User of SASL, or the key of an API key.', optional: true },
  password: { type: 'string', about: 'Password of SASL, or the secret of an API key.', secret: true, optional: true },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows brokers without TLS and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/**
 * Reaches the brokers of a Kafka by TCP, with Kafka's own protocol, from a Durable Object: for a cluster that is public, with a
 * certificate of a public authority and a user (SASL). What it cannot do is in docs/kafka-tcp.md; for all else there is the
 * bridge (docs/bridge.md).
 *
 * https://kafka.apache.org/protocol and https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/ (checked 2026-11-28)
 *
 * @param input `brokers`, `username`, `password`; optionally `mechanism`, `tls`, `allowPrivate`
 * @returns the front, for a stream, a destination or a source
 * @example tcp({ brokers: 'pkc-1.eu-central-1.aws.confluent.cloud:9092', mechanism: 'plain', username: env.KAFKA_KEY, password: env.KAFKA_SECRET })
 */
export function tcp(input: Input<typeof fields>): KafkaFront {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { username, password, mechanism, tls, allowPrivate } = settings
  const brokers = brokersIn(settings.brokers ?? '')
  const capabilities: KafkaFront['capabilities'] = {
    consume: true,
    headers: true,
    timestamps: true,
    tombstones: true,
    partitionCount: true,
    latest: true,
    maxRecords: 1_000,
    // Counted in base64; a broker takes 1 MB at once unless it is told otherwise.
    maxBytes: 1_200_000,
  }
  const access: BrokerAccess = {
    brokers,
    tls,
    ...(username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }),
  }
  return {
    kind: 'kafka-front',
    name: 'tcp',
    problems: [
      ...problems,
      ...(allowPrivate ? [] : publicProblems(brokers, tls)),
      ...(username !== undefined && password === undefined
        ? ['"password" is missing: "username" alone is no login']
        : []),
      ...(username === undefined && password !== undefined
        ? ['"username" is missing: "password" alone is no login']
        : []),
    ],
    redacted,
    capabilities,
    connect: (port, client) => new TcpConnection({ client: new BrokerClient(access, client), capabilities, port }),
  }
}

const brokersIn = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

const publicProblems = (brokers: readonly string[], tls: boolean | undefined): readonly string[] => [
  ...(tls === false ? ['"tls" must be true: without it, whoever is in between reads everything'] : []),
  ...brokers.flatMap((broker) => {
    const problem = hostProblem(broker.replace(/:\d+$/, ''))
    return problem === undefined ? [] : [`"brokers" must name public hosts: ${problem}; the bridge reaches others`]
  }),
]

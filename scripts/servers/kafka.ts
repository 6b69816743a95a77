import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../start/port.ts'
import { JavaProcess } from './java-process.ts'
import { kafkaJars } from './maven.ts'

const run = promisify(execFile)
const host = '127.0.0.1'

/** A TLS listener beside the plain one, for clients that log in. */
export interface SecureListener {
  /** PEM file with the private key (PKCS 8) and the certificate of the broker. */
  readonly keyAndCertificate: string
  /** PEM file with the certificates that clients' certificates are checked against. */
  readonly authorities: string
  /** Users by name with their password; each may log in by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly users: Readonly<Record<string, string>>
}

export interface KafkaOptions {
  /** Port of the plain listener; 0, the default, takes a free one. */
  readonly port?: number
  /** Folder of the data, which outlives the broker; else one of its own that goes when it stops. */
  readonly data?: string
  /** Lines of server.properties beside or in place of ours. */
  readonly settings?: Readonly<Record<string, string>>
  readonly secure?: SecureListener
  readonly say?: (line: string) => void
}

/** A real Kafka of one broker (KRaft). */
export interface KafkaServer {
  /** `host:port` of the plain listener. */
  readonly bootstrap: string
  /** `host:port` of the listener for TLS and login; undefined unless `secure` was given. */
  readonly secureBootstrap: string | undefined
  readonly pid: number | undefined
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
  /** `kill -9`; the data stays. */
  readonly kill: () => Promise<void>
  /** Ends it in good order; the data stays. */
  readonly halt: () => Promise<void>
  /** Ends it in good order if it runs, and starts it on the same data and port. */
  readonly restart: () => Promise<void>
  /** Ends it, and removes the data unless the caller named the folder. */
  readonly stop: () => Promise<void>
}

/**
 * Starts Kafka on the loopback. Topics do not appear by themselves, as on most managed clusters.
 *
 * @param options where, and what is special
 * @returns the broker, ready
 * @throws {SluicewayError} not_found when it is not on this machine and cannot be downloaded; internal when it does not start
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const jars = await kafkaJars(options.say ?? (() => {}))
  const folder = options.data === undefined ? mkdtempSync(join(tmpdir(), 'sluiceway-kafka-')) : resolve(options.data)
  mkdirSync(folder, { recursive: true })
  const port = await freePort(host, options.port ?? 0)
  const ports = { plain: port, controller: await otherPort(port), secure: await otherPort(port) }
  const log = join(folder, 'server.log')
  const properties = join(folder, 'server.properties')
  writeFileSync(join(folder, 'log4j2.properties'), log4j)
  writeFileSync(properties, propertiesOf(folder, ports, options))
  const java = ['-cp', join(jars, '*'), `-Dlog4j2.configurationFile=file:${join(folder, 'log4j2.properties')}`]
  if (!existsSync(join(folder, 'data/meta.properties')))
    await run('java', ['-XX:TieredStopAtLevel=1', ...java, ...formatArgs(properties, options.secure)])
  const server = new JavaProcess({
    name: 'Kafka',
    args: ['-Xms128m', '-Xmx384m', ...java, 'kafka.Kafka', properties],
    log,
    seconds: 90,
    isReady: (printed) => printed.includes('Kafka Server started'),
  })
  await server.start()
  return {
    bootstrap: `${host}:${ports.plain}`,
    secureBootstrap: options.secure === undefined ? undefined : `${host}:${ports.secure}`,
    get pid() {
      return server.pid
    },
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    kill: () => server.kill(),
    halt: () => server.halt(),
    restart: async () => {
      await server.halt()
      await server.start()
    },
    stop: async () => {
      await (options.data === undefined ? server.kill() : server.halt())
      if (options.data === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Another one than `taken`, which nobody listens on yet. */
async function otherPort(taken: number): Promise<number> {
  const port = await freePort(host, 0)
  return port === taken ? otherPort(taken) : port
}

const formatArgs = (properties: string, secure: SecureListener | undefined): string[] => [
  'kafka.tools.StorageTool',
  'format',
  '--standalone',
  '-t',
  'MkU3OEVBNTcwNTJENDM2Qg',
  '-c',
  properties,
  ...Object.entries(secure?.users ?? {}).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  ),
]

interface Ports {
  readonly plain: number
  readonly controller: number
  readonly secure: number
}

function propertiesOf(folder: string, ports: Ports, { secure, settings = {} }: KafkaOptions): string {
  const listeners = [
    `PLAINTEXT://${host}:${ports.plain}`,
    `CONTROLLER://${host}:${ports.controller}`,
    ...(secure === undefined ? [] : [`SECURE://${host}:${ports.secure}`]),
  ].join(',')
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.quorum.bootstrap.servers': `${host}:${ports.controller}`,
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    // A single broker keeps one copy; with few partitions of its own it starts quickly.
    ...Object.fromEntries(
      ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'].flatMap((topic) => [
        [`${topic}.replication.factor`, '1'],
        [`${topic}.num.partitions`, '1'],
      ]),
    ),
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // Else the first poll of every group takes 3 s.
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '2',
    // The default of 128 MB does not fit into the heap.
    'log.cleaner.dedupe.buffer.size': '4194304',
    ...(secure === undefined ? {} : secureProperties(secure)),
    ...settings,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function secureProperties({ keyAndCertificate, authorities, users }: SecureListener): Record<string, string> {
  const listener = 'listener.name.secure'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  return {
    [`${listener}.ssl.keystore.type`]: 'PEM',
    [`${listener}.ssl.keystore.location`]: keyAndCertificate,
    [`${listener}.ssl.truststore.type`]: 'PEM',
    [`${listener}.ssl.truststore.location`]: authorities,
    [`${listener}.ssl.client.auth`]: 'required',
    [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: scram,
    [`${listener}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required ${plain.join(' ')};`,
  }
}

const log4j = `appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
# The line that says that it is ready.
logger.kafka.name=kafka.server.KafkaRaftServer
logger.kafka.level=info
`

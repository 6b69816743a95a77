// What each driver of a stream needs around it.
import { resolve } from 'node:path'
import { type BridgeProcess, startBridgeProcess } from '../bridge/bridge-process.ts'
import { FakeQstash } from '../streams/fake-qstash.ts'
import { currentKey, nextKey, token } from '../streams/qstash-signature.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { Server } from '../support/server.ts'

/** What runs beside a Sluiceway, and the values of its env that choose the stream. */
export interface StreamWorld {
  readonly vars: Readonly<Record<string, string>>
  /** Told where the Sluiceway is, once it serves, where the stream calls it. */
  readonly serves?: (url: string) => void
  /** Where the stream calls: keeps its calls back, and lets them go. */
  readonly hold?: () => void
  readonly release?: () => void
  readonly stop: () => Promise<void>
}

const password = 'password-of-the-router'
const nothing: StreamWorld['stop'] = async () => {}

/** A real Kafka with the topic of the stream, and the bridge in front of it as its users run it. */
export interface BridgedKafka extends StreamWorld {
  readonly kafka: RealKafka
  readonly bridge: BridgeProcess
}

/** The bridge as a single file, as `npm run build` makes it. */
export const bridgeBundle = resolve(import.meta.dirname, '../../dist/bridge.mjs')

/** Starts a real Kafka and the bundled bridge, for the stream of every-stream.config.ts. */
export async function bridgedKafka(): Promise<BridgedKafka> {
  const kafka = await realKafka()
  let bridge: BridgeProcess
  try {
    await kafka.createTopic('router', 3)
    bridge = await startBridgeProcess(
      {
        kafka: { brokers: [kafka.bootstrap] },
        users: [{ name: 'router', password, write: ['router'], read: ['router'], groups: ['sluiceway'] }],
        limits: { requestMs: 2_000 },
      },
      bridgeBundle,
    )
  } catch (error) {
    await kafka.stop()
    throw error
  }
  return {
    kafka,
    bridge,
    vars: { STREAM: 'kafka', KAFKA_URL: bridge.url, KAFKA_PASSWORD: password },
    stop: async () => {
      await bridge.close()
      await kafka.stop()
    },
  }
}

/** The topics of another Sluiceway take the place of Kafka. */
async function anotherSluiceway(): Promise<StreamWorld> {
  const server = await Server.start({ config: 'topics.config.ts', vars: { KAFKA_PASSWORD: password } })
  return {
    vars: { STREAM: 'kafka', KAFKA_URL: `${server.url}/kafka`, KAFKA_PASSWORD: password },
    stop: () => server.stop(),
  }
}

/** A QStash in memory pushes to the deployment, whose public name leads to this machine. */
async function pushingQstash(): Promise<StreamWorld> {
  const fake = await FakeQstash.start()
  return {
    vars: {
      STREAM: 'qstash',
      QSTASH_URL: fake.url,
      QSTASH_TOKEN: token,
      QSTASH_CURRENT_SIGNING_KEY: currentKey,
      QSTASH_NEXT_SIGNING_KEY: nextKey,
    },
    serves: (url) => void (fake.originOf = () => url),
    hold: () => void (fake.quirks.isPaused = true),
    release: () => fake.resume(),
    stop: () => fake.stop(),
  }
}

/** Drivers by what a test calls them: what `/health` calls the stream, and how its surroundings are started. */
export const streamWorlds = [
  { world: 'log', stream: 'log', open: async () => ({ vars: { STREAM: 'log' }, stop: nothing }) },
  { world: 'queues', stream: 'queues', open: async () => ({ vars: { STREAM: 'queues' }, stop: nothing }) },
  { world: 'qstash', stream: 'qstash', open: pushingQstash },
  { world: 'kafka on another Sluiceway', stream: 'kafka', open: anotherSluiceway },
  { world: 'kafka on a real Kafka', stream: 'kafka', open: bridgedKafka, needs: 'kafka' },
] as const satisfies readonly {
  readonly world: string
  readonly stream: string
  readonly open: () => Promise<StreamWorld>
  /** The real server without which it is left out. */
  readonly needs?: 'kafka'
}[]

// What the walk-through and its test run: the deployment of shop.config.ts, on its own log or on a real Kafka behind the bridge.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBridgeProcess } from '../../test/bridge/bridge-process.ts'
import { type RealKafka, realKafka } from '../../test/support/real-kafka.ts'
import { startServing } from '../../test/support/serving.ts'
import { Sink, sinkSecret } from '../../test/support/sink.ts'
import { startRegistry } from '../servers/registry.ts'
import { freePort } from '../start/port.ts'
import type { Reader } from './consumer.ts'
import { topics } from './schemas.ts'
import type { ShopTarget } from './shop.ts'

const host = '127.0.0.1'
const secret = () => randomBytes(16).toString('hex')

type Passwords = Readonly<Record<'router' | 'inventory' | 'email', string>>

/** All that runs. */
export interface World extends ShopTarget {
  readonly adminToken: string
  /** The state folder, which goes in the end. */
  readonly state: string
  /** The server that the webhook destination sends to. */
  readonly crm: Sink
  /** Base of the Kafka API that consumers read from. */
  readonly kafkaUrl: string
  /** Base of the registry, where there is one. */
  readonly registryUrl: string | undefined
  /** The broker, where it is a real one. */
  readonly kafka: RealKafka | undefined
  /** A member of one of the two groups, which are users as well. */
  readonly reader: (group: 'inventory' | 'email', instance: string) => Reader
  readonly stop: () => Promise<void>
}

interface Options {
  /** Whether topics are in a real Kafka, with a real schema registry beside it. */
  readonly isReal: boolean
  /** Port of Sluiceway; 0 takes a free one. */
  readonly port?: number
}

/**
 * Starts everything.
 *
 * @param options where topics are
 * @returns once events are taken
 * @throws {Error} when something does not start; what had started is ended
 */
export async function startWorld({ isReal, port: wanted = 0 }: Options): Promise<World> {
  const stops: (() => unknown)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).toReversed()) await one()
  }
  try {
    const passwords = { router: secret(), inventory: secret(), email: secret() }
    const marketplaceKey = secret()
    const marketplaceSecret = secret()
    const port = await freePort(host, wanted)
    const crm = await Sink.open()
    stops.push(() => crm.close())
    const real = isReal ? await startReal(passwords, stops) : undefined
    const kafkaUrl = real?.kafkaUrl ?? `http://${host}:${port}/kafka`
    const state = mkdtempSync(join(tmpdir(), 'sluiceway-walk-through-'))
    stops.push(() => rmSync(state, { recursive: true, force: true }))
    const vars: Readonly<Record<string, string | undefined>> = {
      KAFKA_URL: kafkaUrl,
      REGISTRY_URL: real?.registryUrl,
      CRM_URL: crm.url,
      WEBHOOK_SECRET: sinkSecret,
      ROUTER_PASSWORD: passwords.router,
      INVENTORY_PASSWORD: passwords.inventory,
      EMAIL_PASSWORD: passwords.email,
      MARKETPLACE_KEY: marketplaceKey,
      MARKETPLACE_SECRET: marketplaceSecret,
    }
    const serving = await startServing({
      state,
      port,
      args: [
        `--config=${join(import.meta.dirname, 'shop.config.ts')}`,
        '--tick=1',
        ...Object.entries(vars).flatMap(([name, value]) => (value === undefined ? [] : [`--var=${name}=${value}`])),
      ],
    })
    stops.push(() => serving.stop())
    const { url, writeKey, adminToken } = serving.ready
    return {
      url,
      writeKey,
      adminToken,
      marketplaceKey,
      marketplaceSecret,
      state,
      crm,
      kafkaUrl,
      registryUrl: real?.registryUrl,
      kafka: real?.kafka,
      reader: (group, instance) => ({
        url: kafkaUrl,
        username: group,
        password: passwords[group],
        topic: 'orders',
        group,
        instance,
      }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A real Kafka with the topics, a real registry, and the bridge. */
async function startReal(passwords: Passwords, stops: (() => unknown)[]) {
  // Also what starts while the other one fails is ended.
  const keep = <T extends { readonly stop: () => Promise<void> }>(starting: Promise<T>): Promise<T> => {
    stops.push(() =>
      starting.then(
        (one) => one.stop(),
        () => {},
      ),
    )
    return starting
  }
  const [kafka, registry] = await Promise.all([keep(realKafka()), keep(startRegistry())])
  for (const topic of Object.keys(topics)) await kafka.createTopic(topic, 3)
  const bridge = await startBridgeProcess({
    kafka: { brokers: [kafka.bootstrap] },
    users: [
      { name: 'router', password: passwords.router, read: Object.keys(topics), write: Object.keys(topics) },
      { name: 'inventory', password: passwords.inventory, read: ['orders'], groups: ['inventory'] },
      { name: 'email', password: passwords.email, read: ['orders'], groups: ['email'] },
    ],
  })
  stops.push(() => bridge.close())
  return { kafka, kafkaUrl: bridge.url, registryUrl: registry.url }
}

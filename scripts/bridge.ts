// `npm run bridge -- --config bridge.json`: an HTTP front for a Kafka that the edge cannot reach; see docs/bridge.md.
import { parseArgs } from 'node:util'
import { reasonOf, SluicewayError } from '../src/core/errors.ts'
import { type BridgeConfig, parseConfig, readConfig } from './bridge/config.ts'
import { jsonLog } from './bridge/log.ts'
import { startBridge } from './bridge/server.ts'

const help = `Usage: npm run bridge -- --config bridge.json
       node bridge.mjs --config bridge.json

Serves Kafka over HTTP, in the dialect of Upstash's Kafka REST API.

  --config <file>      JSON; see docs/bridge.md (or BRIDGE_CONFIG)
  --brokers <list>     host:port,host:port instead of kafka.brokers (or KAFKA_BROKERS)
  --host <address>     instead of listen.host (or BRIDGE_HOST)
  --port <number>      instead of listen.port; 0 takes a free one (or BRIDGE_PORT)
  --check              checks the config and ends
  --help               shows this

Without a config, BRIDGE_PASSWORD makes a user "kafka" who may do everything, and KAFKA_BROKERS names the brokers.
SIGTERM and Ctrl-C stop it: it finishes and answers what it took, and leaves the groups. A second one ends it at once.
`

const say = (line: string) => process.stderr.write(`${line}\n`)

try {
  await main()
} catch (thrown) {
  say(reasonOf(thrown))
  process.exit(1)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      brokers: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      check: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    process.stdout.write(help)
    return
  }
  const { env } = process
  const config = changed(configOf(values.config ?? env['BRIDGE_CONFIG']), {
    brokers: values.brokers ?? env['KAFKA_BROKERS'],
    host: values.host ?? env['BRIDGE_HOST'],
    port: values.port ?? env['BRIDGE_PORT'],
  })
  if (values.check === true) {
    say('The config is right.')
    return
  }
  const log = jsonLog(config.log, (line) => process.stderr.write(line))
  const bridge = await startBridge(config, log)
  process.stdout.write(`${JSON.stringify({ url: bridge.url, pid: process.pid })}\n`)
  let stops = 0
  const stop = () => {
    if (++stops > 1) process.exit(1)
    bridge.stop().then(
      () => process.exit(0),
      (thrown: unknown) => {
        log('error', 'the bridge did not stop well', { reason: reasonOf(thrown) })
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  process.on('unhandledRejection', (reason) => log('error', 'a promise was rejected', { reason: reasonOf(reason) }))
}

function configOf(path: string | undefined): BridgeConfig {
  const { env } = process
  if (path !== undefined) return readConfig(path, env)
  if (env['BRIDGE_PASSWORD'] === undefined || env['BRIDGE_PASSWORD'] === '')
    throw new SluicewayError('config_invalid', 'Name a config with --config, or set BRIDGE_PASSWORD and KAFKA_BROKERS')
  const all = ['*']
  const user = { name: 'kafka', password: { env: 'BRIDGE_PASSWORD' }, read: all, write: all, admin: true }
  const brokers = (env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',')
  return parseConfig({ kafka: { brokers }, users: [user] }, { env, folder: process.cwd() })
}

interface Changes {
  readonly brokers: string | undefined
  readonly host: string | undefined
  readonly port: string | undefined
}

function changed(config: BridgeConfig, { brokers, host, port }: Changes): BridgeConfig {
  const number = Number(port ?? config.listen.port)
  if (!(Number.isInteger(number) && number >= 0 && number <= 65_535))
    throw new SluicewayError('config_invalid', `--port must be a number from 0 to 65535, not "${port}"`)
  const list = brokers?.split(',').map((broker) => broker.trim()) ?? config.kafka.brokers
  const odd = list.find((broker) => !/^(\[[\da-fA-F:.]+\]|[^\s:/]+):\d{1,5}$/.test(broker))
  if (odd !== undefined) throw new SluicewayError('config_invalid', `--brokers: "${odd}" is not host:port`)
  return {
    ...config,
    listen: { ...config.listen, host: host ?? config.listen.host, port: number },
    kafka: { ...config.kafka, brokers: list },
  }
}

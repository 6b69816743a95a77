// `npm run servers -- kafka registry`: real servers on this machine, to try things against; see scripts/servers/.
import { parseArgs } from 'node:util'
import { reasonOf } from '../src/core/errors.ts'
import { startKafka } from './servers/kafka.ts'
import { missingJava } from './servers/maven.ts'
import { startRegistry } from './servers/registry.ts'

const help = `Usage: npm run servers -- [kafka] [registry] [options]

Starts a real Apache Kafka (one broker) and a real schema registry (Apicurio, with Confluent's API) on this machine until
Ctrl-C. Needs Java 17 or newer, and Maven for the first start. Downloads are kept in .servers/, or where SERVERS_CACHE says.

  --kafka-port <number>      port of Kafka; 0 takes a free one (default: 9092)
  --registry-port <number>   port of the registry; 0 takes a free one (default: 8081)
  --data <folder>            where Kafka keeps its data, which outlives it (default: a new folder that goes with it)
  --help                     show this
`

const say = (line: string) => process.stderr.write(`${line}\n`)

try {
  await main()
} catch (thrown) {
  say(reasonOf(thrown))
  process.exit(1)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'kafka-port': { type: 'string', default: '9092' },
      'registry-port': { type: 'string', default: '8081' },
      data: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const unknown = positionals.find((name) => name !== 'kafka' && name !== 'registry')
  if (unknown !== undefined) throw new Error(`There is no server "${unknown}"; there are kafka and registry`)
  if (values.help === true || positionals.length === 0) {
    process.stdout.write(help)
    return
  }
  const missing = missingJava()
  if (missing !== undefined) throw new Error(missing)
  const stops: (() => Promise<void>)[] = []
  if (positionals.includes('kafka')) {
    const data = values.data === undefined ? {} : { data: values.data }
    const kafka = await startKafka({ port: Number(values['kafka-port']), say, ...data })
    stops.push(kafka.stop)
    process.stdout.write(`kafka ${kafka.bootstrap}\n`)
  }
  if (positionals.includes('registry')) {
    const registry = await startRegistry({ port: Number(values['registry-port']), say })
    stops.push(registry.stop)
    process.stdout.write(`registry ${registry.url}\n`)
  }
  const end = async () => {
    await Promise.all(stops.map((stop) => stop()))
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end())
  say('Ctrl-C stops.')
  // The servers are children; nothing else keeps this process.
  setInterval(() => {}, 60_000)
}

// What a stream takes: events a second appended through each driver, and the ratio to the log.
import { resolve } from 'node:path'
import { startBridgeProcess } from '../../test/bridge/bridge-process.ts'
import { FakeQstash } from '../../test/streams/fake-qstash.ts'
import { currentKey, nextKey, token } from '../../test/streams/qstash-signature.ts'
import { Workerd } from '../../test/support/workerd.ts'
import { startKafkaServer } from '../../test/topics/kafka-server.ts'
import { realKafka } from '../../test/support/real-kafka.ts'
import { missingServer } from '../servers/missing-server.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import type { RunOptions } from './streams-worker.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:streams -- [options]

Appends events of about 500 bytes through each stream driver, in workerd on this machine: the log; a queue of Miniflare, which is
in memory; QStash on a fake, in memory as well; Kafka on another Sluiceway's log over HTTP; and a real Kafka by TCP and through the
bridge, where Java is there. Delivery to lanes is left out. Compare the ratios: a network is not in them.

  --seconds <n>   length of a round (default: 3)
  --rounds <n>    rounds of each, in turn; medians are shown (default: 3)
  --callers <n>   appends at the same time (default: 16)
  --help          show this
`

const flags = numbersFrom(help, { seconds: 3, rounds: 3, callers: 16 })
const say = (text: string) => process.stdout.write(`${text}\n`)
const root = resolve(import.meta.dirname, '../..')
const password = 'for-this-run-only'
const url = 'http://events.example.org'
/** Events of an append. */
const sizes = [1, 20]

/** A driver as source text, and its options. */
interface Contender {
  readonly name: string
  readonly imports: string
  readonly driver: string
  readonly options: object
}

const start = ({ imports, driver, options }: Contender): Promise<Workerd> =>
  Workerd.start(
    {
      stdin: {
        contents: `
          ${imports}
          import { benchWorker } from './scripts/bench/streams-worker.ts'
          const { handler, Log: A, Kafka: B } = benchWorker(${driver})
          export class Log extends A {}
          export class Kafka extends B {}
          export class Nothing {}
          export default handler`,
        resolveDir: root,
        loader: 'ts',
      },
    },
    {
      name: 'bench',
      durableObjects: {
        LOG: { className: 'Log', useSQLite: true },
        KAFKA: { className: 'Kafka', useSQLite: true },
        LANE: { className: 'Nothing', useSQLite: true },
      },
      r2Buckets: ['BUCKET'],
      queueProducers: { EVENTS: 'events' },
      queueConsumers: { events: { maxBatchSize: 100, maxBatchTimeout: 0.05, maxRetries: 100 } },
      bindings: { STREAM: JSON.stringify(options) },
    },
  )

const kafkaBy = (front: 'upstash' | 'tcp') => ({
  imports: `import { kafka } from './src/streams/kafka.ts'; import { ${front} } from './src/fronts/${front}.ts'`,
  driver: `({ front, topic }) => kafka({ front: ${front}({ ...front, allowPrivate: true }), topic })`,
})

await session(async (keep) => {
  const fake = await FakeQstash.start()
  const server = await startKafkaServer(
    `{ topics: { stream: {} }, users: { kafka: { password: '${password}', read: ['*'], write: ['*'] } } }`,
  )
  await keep(Promise.resolve({ stop: () => fake.stop() }))
  await keep(Promise.resolve({ stop: () => server.stop() }))
  const contenders: Contender[] = [
    { name: 'log()', imports: "import { log } from './src/streams/log.ts'", driver: 'log', options: {} },
    { name: 'queues()', imports: "import { queues } from './src/streams/queues.ts'", driver: 'queues', options: {} },
    {
      name: 'qstash(), a fake',
      imports: "import { qstash } from './src/streams/qstash.ts'",
      driver: 'qstash',
      options: {
        url,
        qstashUrl: fake.url,
        token,
        currentSigningKey: currentKey,
        nextSigningKey: nextKey,
        allowPrivate: true,
      },
    },
    {
      name: 'kafka(), log of another Sluiceway',
      ...kafkaBy('upstash'),
      options: { topic: 'stream', front: { url: `${server.url}/kafka`, username: 'kafka', password } },
    },
  ]
  if ((await missingServer('kafka')) === undefined) {
    const kafka = await keep(realKafka())
    for (const topic of ['bridge', 'tcp']) await kafka.createTopic(topic, 1)
    const bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [{ name: 'kafka', password, read: ['*'], write: ['*'], groups: ['*'] }],
    })
    await keep(Promise.resolve({ stop: () => bridge.close() }))
    contenders.push(
      {
        name: 'kafka(), a real one by the bridge',
        ...kafkaBy('upstash'),
        options: { topic: 'bridge', front: { url: bridge.url, username: 'kafka', password } },
      },
      {
        name: 'kafka(), a real one by TCP',
        ...kafkaBy('tcp'),
        options: { topic: 'tcp', front: { brokers: kafka.bootstrap, tls: false } },
      },
    )
  }
  const rates = new Map<string, number[]>()
  for (let round = 0; round < flags.rounds; round++)
    for (const contender of contenders) {
      const worker = await start(contender)
      fake.originOf = () => worker.url
      for (const events of sizes) {
        const options: RunOptions = { ms: flags.seconds * 1_000, callers: flags.callers, events }
        const answer = await worker.fetch('/run', { method: 'POST', body: JSON.stringify(options) })
        const done = (await answer.json()) as { events: number; ms: number }
        const key = `${contender.name} ${events}`
        rates.set(key, [...(rates.get(key) ?? []), (done.events / done.ms) * 1_000])
      }
      await worker.stop()
    }
  const rateOf = (name: string, events: number) => median(rates.get(`${name} ${events}`) ?? [])
  say(
    table([
      ['driver', ...sizes.flatMap((events) => [`events/s, ${events} an append`, 'of the log'])],
      ...contenders.map(({ name }) => [
        name,
        ...sizes.flatMap((events) => [
          whole(rateOf(name, events)),
          fixed(rateOf(name, events) / rateOf('log()', events), 2),
        ]),
      ]),
    ]),
  )
})

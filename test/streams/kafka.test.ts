import { afterAll } from 'vitest'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka } from '../../src/streams/kafka.ts'
import type { Workerd } from '../support/workerd.ts'
import { startKafkaServer } from '../topics/kafka-server.ts'
import { streamSuite } from './stream-suite.ts'

const front = upstash({ url: 'https://kafka.example.org', username: 'kafka', password: 'password-of-kafka' })

// Another deployment's log is the Kafka: the real one is for the tests that start it.
let server: Workerd | undefined
afterAll(() => server?.stop())

streamSuite({
  driver: 'kafka',
  module: './test/streams/kafka-drivers.ts',
  options: async () => {
    server = await startKafkaServer(
      "{ topics: { stream: {} }, users: { kafka: { password: 'password-of-kafka', read: ['*'], write: ['*'] } } }",
    )
    return { url: `${server.url}/kafka`, topic: 'stream' }
  },
  limits: kafka({ front, topic: 'stream' }).limits,
})

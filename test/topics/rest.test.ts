// The unchanged client of Upstash against the log.
import { restSuite } from '../kafka/rest-suite.ts'
import { startKafkaServer } from './kafka-server.ts'

const topics = Array.from({ length: 40 }, (_, i) => `shop-${i}`)

restSuite('the log', async () => {
  const named = topics.map((name) => `'${name}': { partitions: 3 }`).join(', ')
  const server = await startKafkaServer(`{
    topics: { ${named} },
    users: { kafka: { password: 'password-of-kafka', read: ['*'], write: ['*'] } },
  }`)
  let used = 0
  return {
    url: `${server.url}/kafka`,
    username: 'kafka',
    password: 'password-of-kafka',
    freshTopic: async () => ({ name: topics[used++] as string, partitions: 3 }),
    restart: () => server.restart(),
    close: () => server.stop(),
  }
})

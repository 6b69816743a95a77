// The unchanged client of Upstash against the bridge in front of a real Kafka.
import { describe } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { restSuite } from '../kafka/rest-suite.ts'
import { realKafka } from '../support/real-kafka.ts'
import { everything, startBridgeProcess } from './bridge-process.ts'

describe.skipIf((await missingServer('kafka')) !== undefined)('in front of a real Kafka', () => {
  restSuite('the bridge', async () => {
    const kafka = await realKafka()
    const bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [{ name: 'kafka', password: 'a-password', ...everything }],
    })
    let topics = 0
    return {
      url: bridge.url,
      username: 'kafka',
      password: 'a-password',
      freshTopic: async () => {
        const name = `shop-${topics++}`
        await kafka.createTopic(name, 3)
        return { name, partitions: 3 }
      },
      restart: async () => {
        await bridge.restart()
      },
      close: async () => {
        await bridge.close()
        await kafka.stop()
      },
    }
  })
})

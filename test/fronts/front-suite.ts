import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { KafkaConnection } from '../../src/core/kafka.ts'
import { consumeCases } from './consume-cases.ts'
import { consumeTroubles } from './consume-trouble-cases.ts'
import { nodePort, type Started, type Subject, suiteTopics } from './front-subject.ts'
import { produceCases } from './produce-cases.ts'
import { produceTroubles } from './produce-trouble-cases.ts'

/** What the cases of the suite work with. */
export interface Bench {
  readonly subject: Subject
  readonly started: () => Started
  /** A connection that is closed when the test ends; `client` is a new name when left out. */
  readonly connect: (options?: { readonly client?: string; readonly password?: string }) => KafkaConnection
  /** A topic that no other test has used. */
  readonly topic: () => string
}

/** The contract of `KafkaFront` and its connections: what every front must do; troubles need a fake. */
export function frontSuite(subject: Subject): void {
  describe(`the front ${subject.name}`, () => {
    let server: Started
    const open: KafkaConnection[] = []
    const unused = [...suiteTopics]
    beforeAll(async () => {
      server = await subject.start()
    })
    afterEach(async () => {
      server.fake?.calm()
      await Promise.all(open.splice(0).map((connection) => connection.close()))
    })
    afterAll(() => server.stop())

    const bench: Bench = {
      subject,
      started: () => server,
      connect: ({ client = `reader-${crypto.randomUUID()}`, password } = {}) => {
        const connection = subject.front(server.url, password).connect(nodePort, client)
        open.push(connection)
        return connection
      },
      topic: () => {
        const topic = unused.shift()
        if (topic === undefined) throw new Error('the suite needs more topics')
        return topic
      },
    }
    // Which fronts can be upset is known before they run: fakes are.
    const { capabilities } = subject.front('http://127.0.0.1')
    produceCases(bench)
    if (subject.isFake) produceTroubles(bench)
    if (capabilities.consume) consumeCases(bench)
    if (capabilities.consume && subject.isFake) consumeTroubles(bench)
  })
}

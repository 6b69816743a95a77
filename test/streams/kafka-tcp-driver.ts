import { tcp } from '../../src/fronts/tcp.ts'
import { kafka as kafkaStream } from '../../src/streams/kafka.ts'

interface Options {
  readonly brokers?: string
  readonly topic?: string
  readonly password?: string
}

/** The driver `kafka` on brokers that are reached by TCP, as the user `sluiceway`. */
export const kafka = ({ brokers, topic, password }: Options) =>
  kafkaStream({
    front: tcp({ brokers, username: 'sluiceway', password, tls: false, allowPrivate: true }),
    topic,
  })

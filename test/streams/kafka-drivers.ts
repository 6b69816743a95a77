import type { KafkaFront } from '../../src/core/kafka.ts'
import type { Stream } from '../../src/core/stream.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { karapace } from '../../src/fronts/karapace.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka as kafkaStream } from '../../src/streams/kafka.ts'

const login = { username: 'kafka', password: 'password-of-kafka', allowPrivate: true }

const fronts: Readonly<Record<string, (url: string | undefined) => KafkaFront>> = {
  confluent: (url) => confluent({ url, ...login }),
  karapace: (url) => karapace({ url, ...login }),
  redpanda: (url) => redpanda({ url, partitions: 3, ...login }),
  strimzi: (url) => strimzi({ url, ...login }),
  upstash: (url) => upstash({ url, ...login }),
}

/** What a test hands to the driver: JSON alone reaches workerd. */
export interface KafkaDriverOptions {
  readonly url?: string
  readonly topic?: string
  readonly partitions?: number
  /** Name of the front; `upstash` when left out. */
  readonly front?: string
}

/** The driver `kafka` on a server at `url`, through a front. */
export const kafka = ({ url, topic, partitions = 1, front = 'upstash' }: KafkaDriverOptions): Stream =>
  kafkaStream({ front: fronts[front]?.(url) as KafkaFront, topic, partitions })

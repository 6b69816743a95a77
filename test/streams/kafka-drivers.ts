import { upstash } from '../../src/fronts/upstash.ts'
import { kafka as kafkaStream } from '../../src/streams/kafka.ts'

/** The driver `kafka` on a server of Upstash's dialect at `url`. */
export const kafka = ({ url, topic }: { readonly url?: string; readonly topic?: string }) =>
  kafkaStream({
    front: upstash({ url, username: 'kafka', password: 'password-of-kafka', allowPrivate: true }),
    topic,
  })

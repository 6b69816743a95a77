import { partitionsOf } from '../core/lanes.ts'
import { assertAnswered, gather } from './gather.ts'
import { type AdminCall, adminResponse } from './responses.ts'

/** GET /sources: how the reading of each Kafka source is doing. */
export async function listSources(c: AdminCall): Promise<Response> {
  const { resolved, bindings } = c.env
  const { values, failures } = await gather(
    [...resolved.sources.values()].filter(({ kafka }) => kafka !== undefined).map(({ name }) => name),
    (name) => bindings.POLLER.getByName(name).status(),
    (name) => `Kafka source ${name}`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { sources: values, failures })
}

/** GET /stream: how each partition of the stream is doing, where that is Kafka, or was before. */
export async function listStream(c: AdminCall): Promise<Response> {
  const { resolved, bindings } = c.env
  const stream = resolved.stream.name
  const kafka = [resolved.stream, ...resolved.earlierStreams].find((one) => one.kafka !== undefined)?.kafka
  if (kafka === undefined) return adminResponse(c, { stream, partitions: [], failures: [] })
  const { values, failures } = await gather(
    partitionsOf(kafka.partitions),
    async (partition) => ({ topic: kafka.topic, ...(await bindings.KAFKA.getByName(`${partition}`).status()) }),
    (partition) => `partition ${partition} of the stream`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { stream, partitions: values, failures })
}

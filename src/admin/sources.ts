import { SluicewayError } from '../core/errors.ts'
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
  const streams = [resolved.stream, ...resolved.earlierStreams]
  const kafka = streams.find((stream) => stream.kafka !== undefined)?.kafka
  if (kafka === undefined)
    throw new SluicewayError('not_found', `The stream is ${resolved.stream.name}, and there is no kafka() beside it.`)
  const { values, failures } = await gather(
    partitionsOf(kafka.partitions),
    (partition) => bindings.KAFKA.getByName(`${partition}`).status(),
    (partition) => `partition ${partition} of the stream`,
  )
  assertAnswered(values, failures)
  return adminResponse(c, { topic: kafka.topic, partitions: values, failures })
}

import type { FrontCapabilities, KafkaFront } from '../../core/kafka.ts'
import { FrontCaller } from './front-call.ts'
import { accessHeaders, type FrontAccess } from './settings.ts'
import { V3Connection } from './v3-connection.ts'

/** What a front of Confluent's REST v3 can carry. */
export const v3Capabilities: FrontCapabilities = {
  consume: false,
  headers: true,
  timestamps: true,
  tombstones: true,
  partitionCount: true,
  latest: false,
  maxRecords: 500,
  maxBytes: 900_000,
}

/** Makes the connections of a front of Confluent's REST v3. */
export const connectV3 =
  (access: FrontAccess, base: string, clusterId: string | undefined): KafkaFront['connect'] =>
  (port) =>
    new V3Connection({
      caller: new FrontCaller(access.url, accessHeaders(access), port),
      capabilities: v3Capabilities,
      base,
      ...(clusterId === undefined ? {} : { clusterId }),
    })

// What is used of kafkajs below its public interface, which offers no reading by assignment.
declare module 'kafkajs/src/cluster/index.js' {
  export interface WireMessage {
    readonly offset: string
    readonly timestamp: string
    readonly key: Uint8Array | null
    readonly value: Uint8Array | null
    readonly headers?: Readonly<Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | null>>
    readonly isControlRecord?: boolean
  }
  export interface WireBroker {
    produce(request: object): Promise<{
      readonly topics: readonly { readonly partitions: readonly { readonly baseOffset: string }[] }[]
    }>
    fetch(request: object): Promise<{
      readonly responses: readonly {
        readonly topicName: string
        readonly partitions: readonly { readonly partition: number; readonly messages: readonly WireMessage[] }[]
      }[]
    }>
    offsetCommit(request: object): Promise<unknown>
  }
  export default class Cluster {
    constructor(options: object)
    isConnected(): boolean
    connect(): Promise<void>
    disconnect(): Promise<void>
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>
    refreshMetadata(): Promise<void>
    refreshMetadataIfNecessary(): Promise<void>
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[]
    findBroker(node: { readonly nodeId: string }): Promise<WireBroker>
    findGroupCoordinator(group: { readonly groupId: string }): Promise<WireBroker>
    fetchTopicsOffset(topics: readonly object[]): Promise<
      readonly {
        readonly topic: string
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
      }[]
    >
  }
}
declare module 'kafkajs/src/network/socketFactory.js' {
  export default function socketFactory(): unknown
}
declare module 'kafkajs/src/loggers/index.js' {
  export function createLogger(options: object): unknown
  export const LEVELS: { readonly NOTHING: number }
}

// `sluiceway/kafka`: what a front of Kafka is, for those who speak to one.
export type {
  FrontCapabilities,
  KafkaConnection,
  KafkaFront,
  KafkaMessage,
  KafkaRecord,
  ProduceOutcome,
} from '../core/kafka.ts'

import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { KafkaMessage } from '../../core/kafka.ts'
import { fromBase64 } from '../../core/base64.ts'

/** A record as fronts of REST v2 hand it out in the format `binary`. */
export interface V2Message {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key?: string | null
  readonly value?: string | null
  readonly timestamp?: number
  readonly headers?: readonly { readonly key: string; readonly value?: string | null }[] | null
}

/**
 * Reads records as a front hands them out.
 *
 * @param list of the answer
 * @throws {SluicewayError} kafka_unavailable when one cannot be read: none is passed over
 * @returns the records in the same order
 */
export function messagesOf(list: readonly unknown[]): KafkaMessage[] {
  try {
    return (list as readonly V2Message[]).map(({ topic, partition, offset, key, value, timestamp, headers }) => {
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(partition)) throw new Error('it has no offset')
      return {
        topic,
        partition,
        offset,
        key: fromBase64(key),
        value: fromBase64(value),
        headers: (headers ?? []).map(({ key: name, value: one }) => [name, fromBase64(one)] as const),
        ...(timestamp === undefined ? {} : { timestamp }),
      }
    })
  } catch (cause) {
    throw new SluicewayError('kafka_unavailable', `A record of the front cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

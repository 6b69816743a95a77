import { SluicewayError } from '../../core/errors.ts'
import type { ProduceOutcome } from '../../core/kafka.ts'

/** The outcome of a record; `isOurs`: no fault of the record, a person must look (a credential, a missing topic). */
export type Judged = ProduceOutcome & { readonly isOurs?: true; readonly isShared?: true }

/** What brokers and clients say of a record that they will never take, however often it comes. */
const neverTaken =
  /larger than|too[ _]?large|invalid[ _]?record|have been rejected|invalid[ _]?timestamp|(without|null) key/i

/** True for what is said of a record that will never be taken. */
export const isNeverTaken = (reason: string): boolean => neverTaken.test(reason)

/** True for what is said of a partition that is not there: no fault of the record, and it may be added. */
export const isMisplaced = (reason: string): boolean =>
  /has no partition \d|has \d+ partitions, not \d|There is no partition \d/.test(reason)

/** A record of which an answer says nothing. */
export const notReported: Judged = {
  written: false,
  retry: 'unknown',
  reason: 'the front did not report on this record',
}

/**
 * Passes outcomes on, unless all that is known is that a person must look.
 *
 * @param judged outcomes of one call
 * @param what was tried
 * @throws {SluicewayError} kafka_refused when no record was written for a reason that is none of theirs
 */
export function unlessRefused(judged: readonly Judged[], what: string): readonly Judged[] {
  const [first] = judged
  if (first !== undefined && !first.written && judged.every(({ isOurs }) => isOurs === true))
    throw new SluicewayError('kafka_refused', `${what}: ${first.reason}`)
  return judged
}

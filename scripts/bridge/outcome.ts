import { BridgeError } from './errors.ts'

/** A record on its way to a partition. */
export interface OutgoingRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [Buffer, Buffer | null])[]
  /** Milliseconds. */
  readonly timestamp: number
}

/** What became of a record: where it is, or why it is not. */
export type Outcome =
  | { readonly topic: string; readonly partition: number; readonly offset: number; readonly timestamp: number }
  | BridgeError

/** What the answer of a broker for one batch means. */
export type BatchVerdict =
  | { readonly kind: 'written' }
  /** Not written; the same batch may be sent again. */
  | { readonly kind: 'again' }
  /** Perhaps written; the same batch must be sent again, and is written once. */
  | { readonly kind: 'doubt' }
  /** The broker knows the producer or its sequence no more. */
  | { readonly kind: 'stranger' }
  /** Too large, or one of its records is wrong: smaller batches find out which. */
  | { readonly kind: 'split'; readonly error: BridgeError }
  | { readonly kind: 'failed'; readonly error: BridgeError }

/** Error codes of the protocol: https://kafka.apache.org/protocol#protocol_error_codes (checked 2026-11-28). */
const verdicts: Readonly<Record<number, (topic: string, message: string) => BatchVerdict>> = {
  0: () => ({ kind: 'written' }),
  7: () => ({ kind: 'doubt' }),
  10: (topic) => ({
    kind: 'split',
    error: new BridgeError(413, `The record is larger than the topic "${topic}" allows`),
  }),
  17: (topic) => failed(404, `There is no topic "${topic}"`),
  18: (topic) => ({
    kind: 'split',
    error: new BridgeError(413, `The record is larger than a segment of the topic "${topic}"`),
  }),
  20: () => ({ kind: 'doubt' }),
  29: (topic) => failed(403, `The brokers do not let the bridge write to the topic "${topic}"`),
  31: () => failed(403, 'The brokers do not let the bridge produce'),
  32: (_, message) => ({
    kind: 'split',
    error: new BridgeError(400, `The timestamp is not one that the topic takes${message}`),
  }),
  44: (_, message) => failed(400, `A policy of the brokers refuses the record${message}`),
  45: () => ({ kind: 'stranger' }),
  // Written by an earlier try that is so long ago that the broker forgot where.
  46: () => ({ kind: 'written' }),
  47: () => ({ kind: 'stranger' }),
  49: () => ({ kind: 'stranger' }),
  59: () => ({ kind: 'stranger' }),
  87: (_, message) => ({ kind: 'split', error: new BridgeError(400, `The brokers refuse the record${message}`) }),
  90: () => ({ kind: 'stranger' }),
}

/** Codes after which a producer tries again: the leader moved, a broker starts, copies are missing. */
const again: ReadonlySet<number> = new Set([2, 3, 5, 6, 8, 9, 13, 14, 15, 16, 19, 56, 74, 75, 76, 89, 95])

const failed = (status: number, message: string): BatchVerdict => ({
  kind: 'failed',
  error: new BridgeError(status, message),
})

/**
 * Says what a broker's answer for a batch means.
 *
 * @param code of the protocol
 * @param topic of the batch
 * @param message what the broker says, if anything
 * @returns what to do
 */
export function verdictOf(code: number, topic: string, message: string | null | undefined): BatchVerdict {
  const said = message ? `: ${message}` : ''
  const known = verdicts[code]
  if (known !== undefined) return known(topic, said)
  if (again.has(code)) return { kind: 'again' }
  const error = new BridgeError(502, `The brokers answered with the error ${code}${said}`, { retry: 'unknown' })
  return { kind: 'failed', error }
}

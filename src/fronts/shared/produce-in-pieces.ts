import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FrontCapabilities, KafkaRecord, ProduceOutcome } from '../../core/kafka.ts'

/** About how many bytes a record has in a call, in base64 and with what is around it. */
const sizeOf = ({ key, value, headers }: KafkaRecord): number =>
  120 +
  Math.ceil((((key?.length ?? 0) + (value?.length ?? 0)) * 4) / 3) +
  headers.reduce((sum, [name, one]) => sum + 40 + name.length + Math.ceil(((one?.length ?? 0) * 4) / 3), 0)

/** Cuts records into pieces that one call of a front takes; a record that is too large alone is a piece of its own. */
export function* cutRecords(
  records: readonly KafkaRecord[],
  { maxRecords, maxBytes }: Pick<FrontCapabilities, 'maxRecords' | 'maxBytes'>,
): Generator<readonly KafkaRecord[]> {
  let from = 0
  let bytes = 0
  for (let i = 0; i < records.length; i++) {
    const size = sizeOf(records[i] as KafkaRecord)
    if (i > from && (i - from >= maxRecords || bytes + size > maxBytes)) {
      yield records.slice(from, i)
      from = i
      bytes = 0
    }
    bytes += size
  }
  if (from < records.length) yield from === 0 ? records : records.slice(from)
}

/**
 * Produces piece by piece, one call at a time.
 *
 * A record of a partition of which an earlier one failed is not sent: order within a partition would be lost. What the front
 * cannot carry is refused here, never sent as something else.
 *
 * @param records all of them
 * @param capabilities of the front
 * @param send produces one piece; rejects when nothing is known of single records
 * @returns outcomes in the order of the records; rejects with what the first call rejects with
 */
export async function produceInPieces(
  records: readonly KafkaRecord[],
  capabilities: FrontCapabilities,
  send: (piece: readonly KafkaRecord[]) => Promise<readonly ProduceOutcome[]>,
): Promise<readonly ProduceOutcome[]> {
  const outcomes = new Map<KafkaRecord, ProduceOutcome>()
  const failed = new Set<number>()
  const sendable = records.filter((record) => {
    const problem = problemOf(record, capabilities)
    if (problem !== undefined) outcomes.set(record, { written: false, retry: 'no', reason: problem })
    return problem === undefined
  })
  let isFirst = true
  for (const piece of cutRecords(sendable, capabilities)) {
    const now = piece.filter(({ partition }) => !failed.has(partition))
    if (now.length === 0) continue
    try {
      const answers = await send(now)
      now.forEach((record, i) => {
        const outcome = answers[i] ?? { written: false, retry: 'unknown', reason: 'the front did not report on it' }
        outcomes.set(record, outcome)
        if (!outcome.written && outcome.retry !== 'no') failed.add(record.partition)
      })
    } catch (error) {
      if (isFirst) throw error
      const isRefused = error instanceof SluicewayError && error.code === 'kafka_refused'
      for (const record of now) {
        outcomes.set(record, { written: false, retry: isRefused ? 'yes' : 'unknown', reason: reasonOf(error) })
        failed.add(record.partition)
      }
    }
    isFirst = false
  }
  return records.map(
    (record) =>
      outcomes.get(record) ?? {
        written: false,
        retry: 'yes',
        reason: 'an earlier record of its partition was not written',
      },
  )
}

function problemOf({ value, headers }: KafkaRecord, capabilities: FrontCapabilities): string | undefined {
  if (value === null && !capabilities.tombstones) return 'this front cannot write a null value (tombstone)'
  return headers.length > 0 && !capabilities.headers ? 'this front carries no headers' : undefined
}

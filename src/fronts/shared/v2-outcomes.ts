import type { KafkaRecord, ProduceOutcome } from '../../core/kafka.ts'
import { type FrontAnswer, jsonObjectOf } from './front-call.ts'
import type { V2Profile } from './v2-profile.ts'

interface V2Report {
  readonly partition?: number | null
  readonly offset?: number | null
  readonly error_code?: number | null
  readonly error?: string | null
  readonly message?: string | null
}

/** What brokers say of a record that no retry makes smaller. */
const tooLarge = /larger than|too large|RecordTooLarge|MESSAGE_TOO_LARGE/i

/**
 * Judges each record of a produce call: an answer with status 200 may hold failures.
 *
 * @param answer of the front
 * @param records of the call
 * @param profile of the front
 * @returns an outcome for each record, or undefined when the answer says nothing of single records
 */
export function v2Outcomes(
  answer: FrontAnswer,
  records: readonly KafkaRecord[],
  profile: V2Profile,
): readonly ProduceOutcome[] | undefined {
  const reports = jsonObjectOf(answer.text)?.['offsets']
  if (!Array.isArray(reports)) return undefined
  return profile.reportsEachRecord
    ? records.map((_record, i) => outcomeOf((reports as V2Report[])[i], profile))
    : byPartition(reports as V2Report[], records, profile)
}

function outcomeOf(report: V2Report | undefined, { retryCodes }: V2Profile): ProduceOutcome {
  if (report === undefined)
    return { written: false, retry: 'unknown', reason: 'the front did not report on this record' }
  const { error_code: code, offset } = report
  if (code === undefined || code === null)
    return { written: true, ...(typeof offset === 'number' && offset >= 0 ? { offset } : {}) }
  const reason = `${code} ${report.error ?? report.message ?? ''}`.trim().slice(0, 300)
  if (tooLarge.test(reason)) return { written: false, retry: 'no', reason }
  return { written: false, retry: retryCodes.includes(code) ? 'yes' : 'unknown', reason }
}

/** One report for each partition, with the offset of its first record, in no fixed order. */
function byPartition(reports: readonly V2Report[], records: readonly KafkaRecord[], profile: V2Profile) {
  const seen = new Map<number, number>()
  return records.map(({ partition }): ProduceOutcome => {
    const place = seen.get(partition) ?? 0
    seen.set(partition, place + 1)
    const outcome = outcomeOf(
      reports.find((report) => report.partition === partition),
      profile,
    )
    return outcome.written && outcome.offset !== undefined ? { written: true, offset: outcome.offset + place } : outcome
  })
}

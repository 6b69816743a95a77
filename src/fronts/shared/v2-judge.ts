import type { KafkaRecord } from '../../core/kafka.ts'
import { type FrontAnswer, jsonObjectOf } from './front-answer.ts'
import { isNeverTaken, type Judged, notReported } from './record-verdicts.ts'
import type { V2Profile } from './v2-profile.ts'

interface V2Report {
  readonly partition?: number | null
  readonly offset?: number | null
  readonly error_code?: number | null
  readonly error?: string | null
  readonly message?: string | null
}

/**
 * Judges each record of a produce call: an answer with status 200 may hold failures.
 *
 * @param answer of the front
 * @param records of the call
 * @param profile of the front
 * @returns an outcome for each record, or undefined when the answer says nothing of single records
 */
export function judgeV2(
  answer: FrontAnswer,
  records: readonly KafkaRecord[],
  profile: V2Profile,
): readonly Judged[] | undefined {
  const reports = jsonObjectOf(answer.text)?.['offsets']
  if (!Array.isArray(reports)) return undefined
  return profile.reportsEachRecord
    ? records.map((_record, i) => judgeReport((reports as V2Report[])[i], profile))
    : judgeByPartition(reports as V2Report[], records, profile)
}

function judgeReport(report: V2Report | null | undefined, profile: V2Profile): Judged {
  if (report === undefined || report === null) return notReported
  const { error_code: code, offset } = report
  if (code === undefined || code === null)
    return { written: true, ...(typeof offset === 'number' && offset >= 0 ? { offset } : {}) }
  const isTooLarge = profile.sizeCodes?.includes(code) === true
  const words = report.error ?? report.message ?? (isTooLarge ? 'the record is too large' : '')
  const reason = `${code} ${words}`.trim().slice(0, 300)
  if (isTooLarge || isNeverTaken(reason)) return { written: false, retry: 'no', reason }
  const meaning = profile.codes[code] ?? 'unknown'
  return meaning === 'ours'
    ? { written: false, retry: 'yes', reason, isOurs: true }
    : { written: false, retry: meaning, reason }
}

/** One report for each partition, with the offset of its first record, in no fixed order. */
function judgeByPartition(reports: readonly V2Report[], records: readonly KafkaRecord[], profile: V2Profile): Judged[] {
  const places = Map.groupBy(records, ({ partition }) => partition)
  const seen = new Map<number, number>()
  return records.map(({ partition }): Judged => {
    const place = seen.get(partition) ?? 0
    seen.set(partition, place + 1)
    const outcome = judgeReport(
      reports.find((report) => report.partition === partition),
      profile,
    )
    if (outcome.written)
      return outcome.offset === undefined ? outcome : { written: true, offset: outcome.offset + place }
    // Which of them is too large is not told: each is sent alone.
    return outcome.retry === 'no' && (places.get(partition)?.length ?? 0) > 1 ? { ...outcome, isShared: true } : outcome
  })
}

import door from './core.cjs'
import { statusOf } from './verdicts.ts'

/** What a destination may say of each event of a batch. */
interface MultiStatus {
  readonly length: () => number
  readonly getResponseAtIndex: (index: number) => { readonly value: () => { readonly status: number } } | undefined
}

/** What became of a batch. */
interface BatchAnswer {
  /** For each event why it failed; undefined where it did not. */
  readonly failures: readonly unknown[]
  /** False when the destination gave each event its own status. */
  readonly isWhole: boolean
  /** True when an event was refused because of the tokens. */
  readonly has401: boolean
}

/**
 * Reads what `performBatch` gave: a status for each event, one response or error for all, or nothing, which is a success.
 *
 * @param answer of the library's code
 * @param count events in the batch
 */
export function batchVerdicts(answer: unknown, count: number): BatchAnswer {
  if (isMultiStatus(answer)) {
    const values = Array.from({ length: Math.max(count, answer.length()) }, (_, i) =>
      answer.getResponseAtIndex(i)?.value(),
    )
    const failures = values
      .slice(0, count)
      .map((value) =>
        value === undefined ? { status: 500, errormessage: 'the library gave it no status' } : failureIn(value),
      )
    return { failures, isWhole: false, has401: values.some((value) => value?.status === 401) }
  }
  const failure = answer instanceof door.core.HTTPError || answer instanceof Response ? failureIn(answer) : undefined
  return { failures: Array.from({ length: count }, () => failure), isWhole: true, has401: statusOf(failure) === 401 }
}

const failureIn = (value: object): unknown => {
  const status = statusOf(value)
  if (status !== undefined && status < 400) return undefined
  return value instanceof Response ? { status, response: value } : value
}

const isMultiStatus = (answer: unknown): answer is MultiStatus =>
  typeof answer === 'object' && answer !== null && 'getResponseAtIndex' in answer && 'length' in answer

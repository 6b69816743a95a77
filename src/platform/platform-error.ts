import { reasonOf } from '../core/errors.ts'

/**
 * What the runtime says when an invocation has used up its timers, its subrequests or its isolates. It gives no codes, only texts,
 * which are matched closely: what a vendor's client says of its own limits is no error of the platform.
 * https://developers.cloudflare.com/workers/platform/limits/ and https://developers.cloudflare.com/dynamic-workers/platform/limits/,
 * whose text is told in https://github.com/iterate/iterate/pull/1693 and https://github.com/kentcdodds/kody/pull/1507
 * (checked 2026-11-29)
 */
const limitTexts =
  /too many (?:subrequests|api requests) by single worker invocation|exceeded the number of active timeouts|too many concurrent dynamic workers|dynamic worker concurrency limit exceeded/i

/**
 * Says whether a limit of the platform caused an error. Such an error says nothing of the event, nor of the destination: the
 * same work succeeds in a later invocation.
 *
 * @param thrown anything that was thrown
 * @returns true for an error of the platform, false for every other one
 */
export const isPlatformError = (thrown: unknown): boolean => limitTexts.test(reasonOf(thrown) ?? '')

import { perIsolate } from '../core/per-isolate.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { RateAnswer } from '../core/rate-limit.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import type { Source } from '../core/resolved-config.ts'
import { Outage } from '../core/outage.ts'

/** Milliseconds that the answer of the limiter may take; without one, requests pass. */
const patienceMs = 500

/** What this isolate knows of the limiters: while one is unavailable, one request a second waits for it. */
const outageOf = perIsolate((_source: Source) => new Outage())

/**
 * Counts a request against the rate limit of its source. It passes when the limiter does not answer within half a second.
 *
 * @param source nothing is done for one without a limit
 * @param events how many the request has
 * @param app bindings and clock
 * @throws {SluicewayError} rate_limited, with `details`: source, eventsPerSecond, burst, remaining (events), retryAfter (seconds)
 */
export async function takeRate(source: Source, events: number, app: AppContext): Promise<void> {
  const { rate, name } = source
  const outage = outageOf(source)
  const { bindings, port } = app
  if (rate === undefined || !outage.admits(port.now())) return
  let answer: RateAnswer
  try {
    answer = await withTimeout(
      (async () => bindings.RATE.getByName(name).take(events, rate))(),
      patienceMs,
      'the rate limiter',
    )
    outage.end()
  } catch (error) {
    outage.begin(port.now())
    port.log('warn', 'requests pass without a rate limit', { source: name, reason: reasonOf(error) })
    return
  }
  const { allowed, remaining, retryAfter } = answer
  if (!allowed)
    throw new SluicewayError('rate_limited', 'max requests limit reached', {
      details: { source: name, ...rate, remaining, retryAfter },
    })
}

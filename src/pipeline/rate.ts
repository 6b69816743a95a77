import { SluicewayError } from '../core/errors.ts'
import type { Source } from '../core/resolve.ts'
import type { World } from '../core/world.ts'

/** Milliseconds that the answer of the limiter may take; without one, requests pass. */
const patienceMs = 500

/**
 * Counts a request against the rate limit of its source.
 *
 * @throws {SluicewayError} rate_limited, with `details`: source, eventsPerSecond, burst, remaining (events), retryAfter (seconds)
 */
export async function takeRate(source: Source, events: number, world: World): Promise<void> {
  const { rate, name } = source
  if (rate === undefined) return
  const { bindings, port } = world
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), patienceMs)))
  const answer = await Promise.race([
    bindings.RATE.getByName(name)
      .take(events, rate)
      .catch(() => undefined),
    patience,
  ])
  clearTimeout(timer)
  if (answer === undefined) port.log('warn', 'the rate limit was not asked: its object is away', { source: name })
  else if (!answer.allowed)
    throw new SluicewayError('rate_limited', 'max requests limit reached', {
      details: { source: name, ...rate, remaining: answer.remaining, retryAfter: answer.retryAfter },
    })
}

import { reasonOf, SluicewayError } from '../core/errors.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import type { Outage } from '../core/outage.ts'

/**
 * Milliseconds before the deadline at which the spill begins, a quarter of the deadline at most: a write to R2 takes some
 * hundred, and the answer is due at the deadline whichever of the two gives it.
 */
const longestHeadStart = 500
/** Milliseconds that R2 may take. */
const spillMs = 3_000

/** Something to be made durable. */
export interface Storing {
  /** For the log: `events`, `dead letters`. */
  readonly what: string
  /** How many. */
  readonly events: number
  /** What is known of the store. */
  readonly outage: Outage
  /** Puts it where it belongs; called at most once. */
  readonly store: () => Promise<unknown>
  /** Writes it to R2 instead and gives the object's key; called at most once. */
  readonly spill: () => Promise<string>
}

/**
 * Makes something durable in its store, or, when that fails or is late, as an object in R2 which the sweep stores later.
 *
 * The store is given `limits.appendMs` (2,000 by default). The spill begins at once when the store fails, and otherwise some
 * time before that deadline (500 ms by default), beside the attempt that is still under way; whichever is durable first
 * decides. So the answer keeps the deadline as long as R2 takes no longer than that; it has 3 s before it counts as unavailable too.
 * During an outage, which one request a second looks at, it is the other way round: spill first, and store only when that
 * fails or takes longer than half the deadline. When both have succeeded, the object is deleted again.
 *
 * Order: what is spilled is stored later than what came after it and was not. Among what is spilled, and per request, the
 * order of incoming is kept as far as the clocks of different locations agree.
 *
 * @param storing how to store and how to spill it
 * @param app config, bindings, clock
 * @returns once it is durable somewhere
 * @throws {SluicewayError} stream_unavailable when neither took it: some of it may be stored all the same; stream_limit,
 * from the store
 */
export async function storeOrSpill(storing: Storing, app: AppContext): Promise<void> {
  if (storing.outage.admits(app.port.now())) await storeFirst(storing, app)
  else await spillFirst(storing, app)
}

async function storeFirst(storing: Storing, app: AppContext): Promise<void> {
  const { what, events, outage } = storing
  const { appendMs } = app.resolved.limits
  const headStart = Math.min(longestHeadStart, appendMs / 4)
  const stored = storing.store()
  const failure = await failureOf(stored, appendMs - headStart)
  if (failure === undefined) {
    outage.end()
    return
  }
  if (isFinal(failure)) throw failure
  outage.begin(app.port.now())
  app.port.log('error', 'what was not stored in time is spilled', { what, events, reason: reasonOf(failure) })
  await waitForEither({ stored, ms: headStart, spilled: storing.spill() }, storing, app)
}

async function spillFirst(storing: Storing, app: AppContext): Promise<void> {
  const { appendMs } = app.resolved.limits
  const spilled = storing.spill()
  if ((await failureOf(spilled, appendMs / 2)) === undefined) return
  await waitForEither({ stored: storing.store(), ms: appendMs, spilled }, storing, app)
}

interface Attempts {
  readonly stored: Promise<unknown>
  /** Milliseconds that the store has left. */
  readonly ms: number
  readonly spilled: Promise<string>
}

/** Waits for the first that succeeds. */
async function waitForEither({ stored, ms, spilled }: Attempts, { outage, what, events }: Storing, app: AppContext) {
  const { bindings, port } = app
  const inTime = withTimeout(stored, ms, 'the store').then(
    () => outage.end(),
    (error: unknown) => {
      outage.begin(port.now())
      throw error
    },
  )
  try {
    await Promise.any([inTime, withTimeout(spilled, spillMs, 'R2')])
  } catch (thrown) {
    const errors: readonly unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown]
    port.log('error', 'what came was neither stored nor spilled', { what, events, reasons: errors.map(reasonOf) })
    throw (
      errors.find(isFinal) ??
      new SluicewayError('stream_unavailable', 'The events could not be stored; send them again.', { cause: thrown })
    )
  }
  // What is stored after all need not be stored by the sweep.
  app.waitUntil(
    Promise.all([stored, spilled])
      .then(([, key]) => bindings.BUCKET.delete(key))
      .catch(() => undefined),
  )
}

/** Undefined once the work is done; why it is not, when it failed or takes longer. */
async function failureOf(work: Promise<unknown>, ms: number): Promise<unknown> {
  try {
    await withTimeout(work, ms, 'the store')
    return undefined
  } catch (error) {
    return error ?? new Error('it failed without saying why')
  }
}

const isFinal = (error: unknown): boolean => error instanceof SluicewayError && error.code === 'stream_limit'

import type { Vars } from '../core/config.ts'

interface Tick {
  /** The deployment's vars. */
  readonly vars: Vars
  /** Lets work go on after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void
  /** What to run. */
  readonly run: () => Promise<unknown>
}

/** Milliseconds without a sign of life after which a loop counts as dead: the runtime may end the request that carries it. */
const silentMs = 60_000

/**
 * Makes what runs the scheduled functions under `wrangler dev`, where no cron fires: the first request starts a loop that goes
 * on behind its answer every `TICK_SECONDS` (0.1 or more), as long as the isolate lives; one loop for an isolate. A run that
 * throws ends nothing.
 *
 * Only where `LOCAL` is `1`, which `.dev.vars` says and a deployment never: there, work may go on for 30 seconds after an answer.
 *
 * @returns a function to call with each request; it starts the loop, or does nothing
 */
export function localTicker(): (tick: Tick) => void {
  let aliveAt = Number.NEGATIVE_INFINITY
  let current = 0
  return ({ vars, waitUntil, run }) => {
    if (vars['LOCAL'] !== '1') return
    const seconds = Number(vars['TICK_SECONDS'])
    const now = Date.now()
    if (!(seconds >= 0.1) || now - aliveAt < seconds * 1_000 + silentMs) return
    const mine = ++current
    const loop = async () => {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
        if (mine !== current) return
        aliveAt = Date.now()
        await run().catch(() => undefined)
      }
    }
    aliveAt = now
    waitUntil(loop())
  }
}

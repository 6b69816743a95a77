import type { Port } from '../core/port.ts'
import { GatheredLog } from './gathered-log.ts'

/** Of the whole isolate: what many requests or objects say alike is said once. */
const gatheredLog = new GatheredLog({ write: (level, line) => console[level](line), now: () => Date.now() })

/** What the platform gives: its fetch, clock and randomness. Logs one JSON object a line; see GatheredLog. */
export const realPort: Port = {
  fetch: (request) => fetch(request),
  now: () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  log: (level, message, fields) => gatheredLog.log(level, message, fields),
}

/** Writes the lines of the log that were gathered long enough. */
export const flushLog = (): void => gatheredLog.flush()

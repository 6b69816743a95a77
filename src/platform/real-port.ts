import type { Port } from '../core/port.ts'

/** What the platform gives: its fetch, clock and randomness. Logs one JSON object a line. */
export const realPort: Port = {
  fetch: (request) => fetch(request),
  now: () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  log: (level, message, fields) => console[level](JSON.stringify({ level, message, ...fields })),
}

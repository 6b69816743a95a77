/**
 * Cloudflare's prices on the Workers Paid plan, in dollars, beyond what the plan includes. Checked 2026-11-22.
 *
 * https://developers.cloudflare.com/workers/platform/pricing/
 * https://developers.cloudflare.com/durable-objects/platform/pricing/
 * https://developers.cloudflare.com/r2/pricing/
 * https://developers.cloudflare.com/d1/platform/pricing/
 * https://developers.cloudflare.com/queues/platform/pricing/
 */
export const prices = {
  /** A million requests to the Worker, scheduled runs included. */
  workerRequests: 0.3,
  /** A million milliseconds of the Worker's CPU. */
  workerCpuMs: 0.02,
  /** A million requests to Durable Objects: each RPC call and each alarm is one. */
  objectRequests: 0.15,
  /** A million GB-seconds of Durable Objects in memory. */
  objectGigabyteSeconds: 12.5,
  /** A million rows written in Durable Objects: inserts, updates, deletes, index entries and set alarms. */
  objectRowsWritten: 1,
  /** A gigabyte stored in Durable Objects for a month. */
  objectGigabyteMonth: 0.2,
  /** A million writes to R2 (class A). */
  r2Writes: 4.5,
  /** A million reads from R2 (class B). */
  r2Reads: 0.36,
  /** A million operations of a queue: each 64 KB of a message that are written, read or deleted are one. */
  queueOperations: 0.4,
  /** A million rows written in D1. */
  d1RowsWritten: 1,
} as const

/** Gigabytes that a Durable Object in memory is billed for, whatever it uses. */
export const objectGigabytes = 0.128
/** Seconds without anything to do after which a Durable Object leaves memory. */
export const idleSeconds = 10

/**
 * Limits of the platform, each with its source. Code stays below them by itself, so that none is ever a verdict on an event;
 * doubles in the tests enforce them.
 */

/**
 * Queries of D1 in one invocation of a Worker on the paid plan; a statement of a batch is taken to be one.
 * https://developers.cloudflare.com/d1/platform/limits/ (checked 2026-11-28)
 */
export const D1_QUERIES_PER_INVOCATION = 1_000

/**
 * Bytes of the arguments, or of the answer, of one call to a Durable Object.
 * https://developers.cloudflare.com/workers/runtime-apis/rpc/ (checked 2026-11-28)
 */
export const RPC_BYTES = 33_554_432

/**
 * Bytes of memory of one isolate; objects of one class may share it.
 * https://developers.cloudflare.com/workers/platform/limits/ (checked 2026-11-28)
 */
export const ISOLATE_BYTES = 134_217_728

/**
 * Subrequests (fetches, calls to objects, R2, D1) of one invocation on the paid plan. What an object does after it has
 * answered still belongs to the invocation that began it.
 * https://developers.cloudflare.com/workers/platform/limits/ (checked 2026-11-28)
 */
export const SUBREQUESTS_PER_INVOCATION = 10_000

/**
 * Connections of one invocation that may wait for the headers of an answer; a seventh waits until one of them has its own.
 * workerd does not enforce it on one machine.
 * https://developers.cloudflare.com/workers/platform/limits/#simultaneous-open-connections (checked 2026-11-29)
 */
export const CONNECTIONS_PER_INVOCATION = 6

/**
 * Distinct dynamic workers that one invocation of a Worker may wait for at once; an object may for ten.
 * https://developers.cloudflare.com/dynamic-workers/platform/limits/ (checked 2026-11-29)
 */
export const ISOLATES_PER_INVOCATION = 4

/**
 * Milliseconds between two writes to the same key of R2; sooner ones are answered with 429.
 * https://developers.cloudflare.com/r2/platform/limits/ (checked 2026-11-28)
 */
export const R2_WRITE_MS_PER_KEY = 1_000

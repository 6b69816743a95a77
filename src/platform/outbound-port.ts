import type { Bindings } from '../core/bindings.ts'
import type { Port } from '../core/port.ts'

/**
 * Gives a port the shortest way out: without a Request for each request, and past what the local server puts in between.
 *
 * @param port the world
 * @param bindings `OUTBOUND`, where the local server has bound it
 */
export const outboundPort = (port: Port, { OUTBOUND }: Pick<Bindings, 'OUTBOUND'>): Port =>
  OUTBOUND === undefined
    ? { ...port, send: (url, init) => fetch(url, init) }
    : { ...port, fetch: (request) => OUTBOUND.fetch(request), send: (url, init) => OUTBOUND.fetch(url, init) }

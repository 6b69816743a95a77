import type { Destination } from '../../src/core/destination.ts'

/**
 * Sends each event alone, as it is, to the sink of a test (see sink.ts), with its id in `x-id`. For workers of tests.
 *
 * @param url of the sink
 */
export const sinkDestination = (url: string): Destination => ({
  kind: 'destination',
  name: 'sink',
  limits: { events: 1, bytes: 100_000, parallel: 4, timeoutSeconds: 5 },
  problems: [],
  redacted: {},
  encode: ({ id, text }) => ({ id, text }),
  request: ([item]) => ({
    method: 'POST',
    url,
    headers: { 'x-id': encodeURIComponent(item?.id ?? '') },
    body: item?.text ?? '',
  }),
})

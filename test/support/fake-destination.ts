import type { Destination } from '../../src/core/destination.ts'

/**
 * Makes a destination that sends the ids of events, one event a request, as JSON: `{ "ids": ["order-1"] }`.
 *
 * @param name of its definition
 * @param more what is otherwise
 */
export const fakeDestination = (name: string, more: Partial<Destination> = {}): Destination => ({
  kind: 'destination',
  name,
  limits: { events: 1, bytes: 100_000, parallel: 4, timeoutSeconds: 5 },
  problems: [],
  redacted: {},
  encode: ({ id, text }) => ({ id, text }),
  request: (items) => ({
    method: 'POST',
    url: 'https://sink.example/',
    headers: {},
    body: JSON.stringify({ ids: items.map(({ id }) => id) }),
  }),
  ...more,
})

/**
 * Makes a destination that sends each event alone, as it is, to the sink of a test (see sink.ts), with its id in `x-id`.
 *
 * @param url of the sink
 */
export const sinkDestination = (url: string): Destination =>
  fakeDestination('sink', {
    request: ([item]) => ({
      method: 'POST',
      url,
      headers: { 'x-id': encodeURIComponent(item?.id ?? '') },
      body: item?.text ?? '',
    }),
  })

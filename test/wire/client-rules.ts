/** An answer as far as clients look at it; undefined stands for a connection that broke or an answer that was too late. */
export interface Seen {
  readonly status: number
  readonly body: string
  readonly headers: Headers
}

/** What a client makes of an answer: it forgets the batch, sends it again, or drops it. */
export type Verdict = 'delivered' | 'again' | 'dropped'

/** How a client treats answers, read in its source and tried with the real one (checked 2026-11-25). */
export interface ClientRule {
  /** Name of its fixture. */
  readonly client: string
  /** Times that it sends one batch before it drops it. */
  readonly attempts: number
  /** Whether it waits as long as `Retry-After` says; on which answers. */
  readonly waits: 'never' | 'on 429' | 'always'
  readonly judge: (seen: Seen) => Verdict
}

const within = (from: number, to: number) => (status: number) => status >= from && status < to
const is2xx = within(200, 300)
const is4xx = within(400, 500)
const is5xx = within(500, 600)

function objectIn(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** What axios-retry does with the SDKs that use it: 5xx and 429. */
const axios = ({ status }: Seen): Verdict =>
  is2xx(status) ? 'delivered' : is5xx(status) || status === 429 ? 'again' : 'dropped'

/** Go's two: below 300 is delivered, everything else is tried again, mistakes of the client too. */
const go = ({ status }: Seen): Verdict => (status < 300 ? 'delivered' : 'again')

/** Segment's newest ones: four 4xx are tried again, and 5xx but 501, 505 and, without OAuth, 511. */
const segment = (status: number): Verdict =>
  [408, 410, 429, 460].includes(status) || (is5xx(status) && ![501, 505, 511].includes(status)) ? 'again' : 'dropped'

/** Every server SDK of the fixtures. */
export const clientRules: readonly ClientRule[] = [
  {
    // Exactly 200 is delivered. Of anything else it reads `code` and `message`; where a JSON object lacks one, the error is
    // not one that it knows, and it tries again whatever the status. A 4xx whose body is no JSON is one that it knows.
    client: 'rudder-python',
    attempts: 11,
    waits: 'never',
    judge: ({ status, body }) => {
      if (status === 200) return 'delivered'
      const told = objectIn(body)
      if (told !== undefined && !('code' in told && 'message' in told)) return 'again'
      return is4xx(status) && status !== 429 ? 'dropped' : 'again'
    },
  },
  {
    client: 'segment-python',
    attempts: 11,
    waits: 'always',
    judge: ({ status }) => (is2xx(status) ? 'delivered' : segment(status)),
  },
  // A 451 makes it ask GET /cluster-info; a 200 there without `nodeCount` ends it for good.
  { client: 'rudder-go', attempts: 10, waits: 'never', judge: go },
  { client: 'segment-go', attempts: 10, waits: 'never', judge: go },
  {
    client: 'rudder-java',
    attempts: 4,
    waits: 'never',
    judge: ({ status }) => (is2xx(status) ? 'delivered' : is5xx(status) || status === 429 ? 'again' : 'dropped'),
  },
  {
    // A 2xx whose body is no JSON object is an I/O error to it: sent again, and lost in the end though it is stored.
    client: 'segment-java',
    attempts: 4,
    waits: 'never',
    judge: ({ status, body }) =>
      is2xx(status)
        ? objectIn(body) === undefined
          ? 'again'
          : 'delivered'
        : is5xx(status) || status === 429
          ? 'again'
          : 'dropped',
  },
  { client: 'rudder-node', attempts: 4, waits: 'always', judge: axios },
  { client: 'segment-node-old', attempts: 4, waits: 'never', judge: axios },
  {
    // A redirect is delivered to it: an answer of 3xx would lose the batch.
    client: 'segment-node',
    attempts: 11,
    waits: 'on 429',
    judge: ({ status }) => (within(200, 400)(status) ? 'delivered' : segment(status)),
  },
  {
    client: 'customerio-node',
    attempts: 4,
    waits: 'never',
    judge: ({ status }) => (is2xx(status) ? 'delivered' : status === 400 ? 'dropped' : 'again'),
  },
]

/**
 * Sends one batch as a client does, without its pauses.
 *
 * @param send one attempt; undefined when no answer came
 * @returns what the client believes in the end, and how often it sent
 */
export async function sendAs(
  { attempts, judge }: ClientRule,
  send: (attempt: number) => Promise<Seen | undefined>,
): Promise<{ readonly end: 'delivered' | 'dropped'; readonly sent: number }> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const seen = await send(attempt)
    const verdict = seen === undefined ? 'again' : judge(seen)
    if (verdict !== 'again') return { end: verdict, sent: attempt }
  }
  return { end: 'dropped', sent: attempts }
}

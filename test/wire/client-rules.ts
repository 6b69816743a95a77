/** An answer as far as clients look at it; undefined stands for a connection that broke or an answer that was too late. */
export interface ClientAnswer {
  readonly status: number
  readonly body: string
  readonly headers: Headers
}

/** What a client makes of an answer: it forgets the batch, sends it again, or drops it. */
export type Verdict = 'delivered' | 'again' | 'dropped'

/**
 * How a client of the version in its fixture treats answers, as its source has it (checked 2026-11-25).
 *
 * `Retry-After` is kept by RudderStack's and Segment's new Node SDK (the latter on 429 only) and by Segment's Python SDK;
 * all others have pauses of their own.
 */
export interface ClientRule {
  /** Name of its fixture. */
  readonly client: string
  /** Times that it sends one batch before it drops it. */
  readonly attempts: number
  readonly judge: (answer: ClientAnswer) => Verdict
}

const within = (from: number, to: number) => (status: number) => status >= from && status < to
const is2xx = within(200, 300)
const is4xx = within(400, 500)
const is5xx = within(500, 600)

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function objectIn(body: string): Record<string, unknown> | undefined {
  const value: unknown = isJson(body) ? JSON.parse(body) : undefined
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

/** RudderStack's Node and Java SDKs and Segment's old Node SDK: 5xx and 429 are tried again. */
const usual = ({ status }: ClientAnswer): Verdict =>
  is2xx(status) ? 'delivered' : is5xx(status) || status === 429 ? 'again' : 'dropped'

/** Go's two: below 300 is delivered, everything else is tried again, mistakes of the client too. */
const go = ({ status }: ClientAnswer): Verdict => (status < 300 ? 'delivered' : 'again')

/** Segment's newest ones: four 4xx are tried again, and 5xx but 501, 505 and, without OAuth, 511. */
const segment = (status: number): Verdict =>
  [408, 410, 429, 460].includes(status) || (is5xx(status) && ![501, 505, 511].includes(status)) ? 'again' : 'dropped'

/** Every server SDK of the fixtures. */
export const clientRules: readonly ClientRule[] = [
  {
    // Exactly 200 is delivered. Of anything else it reads `code` and `message`; JSON that lacks one raises an error that it
    // takes for one of the network, and it tries again whatever the status. Text raises the error that it knows.
    client: 'rudder-python',
    attempts: 11,
    judge: ({ status, body }) => {
      if (status === 200) return 'delivered'
      const told = objectIn(body)
      if (isJson(body) && !(told !== undefined && 'code' in told && 'message' in told)) return 'again'
      return is4xx(status) && status !== 429 ? 'dropped' : 'again'
    },
  },
  {
    client: 'segment-python',
    attempts: 11,
    judge: ({ status }) => (is2xx(status) ? 'delivered' : segment(status)),
  },
  // A 451 makes it ask GET /cluster-info; a 200 there without `nodeCount` ends it for good.
  { client: 'rudder-go', attempts: 10, judge: go },
  { client: 'segment-go', attempts: 10, judge: go },
  {
    client: 'rudder-java',
    attempts: 4,
    judge: usual,
  },
  {
    // A 2xx whose body is no JSON object is an I/O error to it: sent again, and lost in the end though it is stored.
    client: 'segment-java',
    attempts: 4,
    judge: (answer) => (is2xx(answer.status) && objectIn(answer.body) === undefined ? 'again' : usual(answer)),
  },
  { client: 'rudder-node', attempts: 4, judge: usual },
  { client: 'segment-node-old', attempts: 4, judge: usual },
  {
    // A redirect is delivered to it: an answer of 3xx would lose the batch.
    client: 'segment-node',
    attempts: 11,
    judge: ({ status }) => (within(200, 400)(status) ? 'delivered' : segment(status)),
  },
  {
    client: 'customerio-node',
    attempts: 4,
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
  send: (attempt: number) => Promise<ClientAnswer | undefined>,
): Promise<{ readonly end: 'delivered' | 'dropped'; readonly sent: number }> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const answer = await send(attempt)
    const verdict = answer === undefined ? 'again' : judge(answer)
    if (verdict !== 'again') return { end: verdict, sent: attempt }
  }
  return { end: 'dropped', sent: attempts }
}

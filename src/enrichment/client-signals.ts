/** What a request shows of who sent it, for the verdict on bots. All of it is the connection's, not the event's. */
export interface ClientSignals {
  /**
   * True when a browser (or what pretends to be one) sent it: then the request's user agent and network are the visitor's.
   * A server that forwards what others did has a network and a user agent of its own, which say nothing of them.
   */
  readonly browser: boolean
  /** At most 512 characters. */
  readonly userAgent?: string
  /** Cloudflare's bot score, 1 (bot) to 99 (human), where the plan has it. */
  readonly score?: number
  /** Category of a bot that Cloudflare has verified, e.g. `Search Engine Crawler`. */
  readonly verifiedBot?: string
  /** Number of the network that it came from; left out where Cloudflare knows the sender as a company's proxy. */
  readonly asn?: number
}

/** The user agent of an event's visitor: the event's own, else that of the request where a browser sent it. */
export function visitorUserAgent(
  context: Readonly<Record<string, unknown>> | undefined,
  signals: ClientSignals | undefined,
): string | undefined {
  const own = context?.['userAgent']
  if (typeof own === 'string' && own !== '') return own
  return signals?.browser === true ? signals.userAgent : undefined
}

/** What is done with the traffic of bots. */
export interface BotRules {
  /** `keep` does not look; `flag` sets `context.isBot` and `context.bot`; `drop` drops, counted as `dropped:bot`. */
  readonly action: 'keep' | 'flag' | 'drop'
  /** Cloudflare's bot score (1 to 99, where the plan has it) below which it is a bot; default 30, 0 never. */
  readonly score?: number
  /** True: a browser in a data center's network counts as a bot. Some companies' proxies are there too; default false. */
  readonly dataCenters?: boolean
}

/** What the edge adds to the events of a source, each by its switch. */
export interface EnrichmentConfig {
  /** `context.geo` (place and network) and the place in the envelope's facts, from Cloudflare; default true. */
  readonly geo?: boolean
  /**
   * `context.os`, `context.browser` and `context.device`, read from `context.userAgent` and the client hints in
   * `context.userAgentData`, else from the request's user agent when a browser sent it; default false.
   */
  readonly userAgent?: boolean
  /** `context.campaign` from the utm parameters of `context.page.url`; default false. */
  readonly campaign?: boolean
  /** `rudderId`, which RudderStack's gateway makes of userId and anonymousId, for what still reads it; default false. */
  readonly rudderId?: boolean
  /** Default `flag`. */
  readonly bots?: BotRules['action'] | BotRules
  /**
   * What is done with addresses in `request_ip`, `context.ip` (also the client's own) and the envelope's facts, once the
   * place is known. `truncate` zeroes the last byte of IPv4 addresses and all but the first 48 bits of IPv6 ones, and drops
   * what is neither; default `keep`.
   */
  readonly ip?: 'keep' | 'truncate' | 'drop'
}

/** Every switch decided. */
export interface Enrichment {
  readonly geo: boolean
  readonly userAgent: boolean
  readonly campaign: boolean
  readonly rudderId: boolean
  readonly bots: Required<BotRules>
  readonly ip: 'keep' | 'truncate' | 'drop'
}

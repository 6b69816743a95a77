/**
 * What is done with personal data, without code. Paths are dotted (`context.traits.email`); `*` stands for every member of
 * an object or array, and an array on the way is gone through element by element.
 *
 * The order is allow, drop, hash, mask. What an event says about consent (`context.consentManagement`, `context.consent`) is
 * kept unless a path names it. The address, user agent and place that the edge knows of a request go with `context.ip`,
 * `request_ip`, `context.userAgent` and `context.geo`; an address is in the event twice, as `context.ip` and `request_ip`.
 *
 * Of a source, the rules hold for what it sends as events, dead letters included. A webhook call that its source could not map
 * is kept as it came, without the headers that authenticate it: its fields are the vendor's.
 */
export interface PrivacyRules {
  /**
   * Replaced by the lower-case hex SHA-256 of the text, trimmed and lower-cased, as ad networks match it; in an object or
   * array, every value is. What already is such a hash is left. Of ids, too: events of one user stay in order.
   */
  readonly hash?: readonly string[]
  /** Put before the text that is hashed; a secret that belongs in `env`. */
  readonly salt?: string | undefined
  /** Replaced by `***`; in an object or array, every value is. */
  readonly mask?: readonly string[]
  /** Removed. */
  readonly drop?: readonly string[]
  /**
   * When given, of `properties`, `traits` and `context` only these paths and what lies below them are kept, and of other
   * fields only these and those of the event specification.
   */
  readonly allow?: readonly string[]
}

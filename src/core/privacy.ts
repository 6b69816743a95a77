/**
 * What is done with personal data, without code. Paths are dotted (`context.traits.email`); `*` stands for every member of
 * an object or array, and an array on the way is gone through element by element.
 */
export interface PrivacyRules {
  /** Replaced by the lower-case hex SHA-256 of the text, trimmed and lower-cased, as ad networks match it. */
  readonly hash?: readonly string[]
  /** Put before the text that is hashed; a secret that belongs in `env`. */
  readonly salt?: string | undefined
  /** Replaced by `***`. */
  readonly mask?: readonly string[]
  /** Removed. */
  readonly drop?: readonly string[]
  /**
   * When given, of `properties`, `traits` and `context` only these paths and what lies below them are kept, and of other
   * fields only those of the event specification.
   */
  readonly allow?: readonly string[]
}

/**
 * What a destination needs the visitor's consent for.
 *
 * Read from `context.consentManagement` (RudderStack: `deniedConsentIds`, `provider`, `resolutionStrategy`) and from
 * `context.consent.categoryPreferences` (Segment). An event that says nothing about consent is sent, unless `required`.
 */
export interface ConsentRule {
  /** Ids of consent categories or purposes, as the consent tool names them; upper and lower case differ. */
  readonly categories: readonly string[]
  /**
   * Applies to events of this consent provider only (`oneTrust`, `ketch`, `iubenda`, `custom`); to all when left out. Events
   * with nothing but Segment's preferences have no provider.
   */
  readonly provider?: string
  /**
   * `and`: any denied category keeps the event back. `or`: only when all of them are denied. Left out, the event's own
   * `resolutionStrategy` decides, else `or` for Ketch and `and` for others. With provider `custom` the event's own does not
   * count.
   */
  readonly strategy?: 'and' | 'or'
  /** True: an event that says nothing about these categories is kept back too. */
  readonly required?: boolean
}

/** One rule, or several: a destination gets an event when all rules that apply allow it. */
export type Consent = ConsentRule | readonly ConsentRule[]

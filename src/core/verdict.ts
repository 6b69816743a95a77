/** The outcome of one event at one destination. */
export type Verdict =
  | { readonly kind: 'done' }
  /** The destination has no use for the event: counted with its reason, not lost. */
  | { readonly kind: 'skip'; readonly reason: string }
  /** The event waits and is tried again, at the earliest after `afterSeconds`. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterSeconds?: number }
  /** The event can never be delivered as it is: it becomes a dead letter. */
  | { readonly kind: 'dead'; readonly reason: string }
  /**
   * Refused, by the destination as a whole (a credential, an address) or because of this event. The lane finds out by what
   * others get: it pauses and probes, or, while others are delivered, makes a dead letter of the event after five tries.
   */
  | { readonly kind: 'pause'; readonly reason: string }

/** The destination has the event. */
export const done: Verdict = { kind: 'done' }

/** The outcome of one event at one destination. */
export type Verdict =
  | { readonly kind: 'done' }
  /** The destination has no use for the event: counted with its reason, not lost. */
  | { readonly kind: 'skip'; readonly reason: string }
  /** The event waits and is tried again, at the earliest after `afterSeconds`. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterSeconds?: number }
  /** The event can never be delivered as it is: it becomes a dead letter. */
  | { readonly kind: 'dead'; readonly reason: string }
  /** The destination refuses everything (a credential, an address): the lane pauses, probes and alerts; no event is burnt. */
  | { readonly kind: 'pause'; readonly reason: string }

/** The destination has the event. */
export const done: Verdict = { kind: 'done' }

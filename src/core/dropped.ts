/** Events that the edge did not take, told to its lane for traces: a sample, since only counters are complete. */
export interface DroppedSample {
  /** Which step it was, and why, as a sentence. */
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Name of the source. */
  readonly source: string
  readonly messageIds: readonly string[]
}

/** Events that are told of in one call, and remembered in one row. */
export const mostDropped = 256

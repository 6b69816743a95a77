import { Outage } from '../core/outage.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'

/** What one isolate knows of the stores that requests need. */
interface Outages {
  /** Of the stream, by partition; a single one for a stream that is unavailable as a whole. */
  readonly stream: readonly Outage[]
  /** Of the lane that keeps the edge's dead letters. */
  readonly letters: Outage
}

/** What this isolate knows of the stores that requests need. */
export const outagesOf = perIsolate(({ stream }: ResolvedConfig): Outages => {
  const { partitions, partitionOf } = stream
  const count = partitionOf === undefined ? 1 : partitions
  return { stream: Array.from({ length: count }, () => new Outage()), letters: new Outage() }
})

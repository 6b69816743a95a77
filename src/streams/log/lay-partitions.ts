import type { Bindings, LogRpc } from '../../core/bindings.ts'
import type { Facts } from '../../core/envelope.ts'
import { partitionOf } from '../../storage/murmur2.ts'
import { type LogRegion, regionChooser } from './regions.ts'

/** What `log` takes for partitions in several regions. */
export interface RegionInput {
  /**
   * Near which regions there are partitions, `partitions` of them in each; an event goes to the region that is nearest to where
   * it was sent from. The first one takes events of which that is not known. Left out: all near the first request.
   */
  readonly regions?: readonly LogRegion[]
}

/** Where the events of a log are. */
export interface PartitionLayout {
  /** In all regions. */
  readonly partitions: number
  readonly partitionOf: (key: string, facts?: Facts) => number
  readonly partition: (bindings: Bindings, partition: number) => LogRpc
}

/**
 * Lays out the partitions of a log. Those of regions take turns: with two, 0 and 2 are of the first one, 1 and 3 of the second.
 *
 * @param each partitions of each region
 * @param regions left out: there are none
 */
export function layPartitions(each: number, regions?: readonly LogRegion[]): PartitionLayout {
  if (regions === undefined)
    return {
      partitions: each,
      partitionOf: (key) => partitionOf(key, each),
      partition: (bindings, partition) => bindings.LOG.getByName(`${partition}`),
    }
  const regionOf = regionChooser(regions)
  const { length } = regions
  return {
    partitions: each * length,
    partitionOf: (key, facts) => partitionOf(key, each) * length + regionOf(facts),
    partition(bindings, partition) {
      const locationHint = partition < each * length ? regions[partition % length] : undefined
      return bindings.LOG.getByName(`${partition}`, locationHint === undefined ? {} : { locationHint })
    },
  }
}

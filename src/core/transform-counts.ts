/** What one transform did in one run, over all events of a request, a delivery or a part of a staging file. */
export interface TransformStep {
  /** Its name. */
  readonly transform: string
  /** Events that it was given, that it returned, that it dropped, and for which it failed. */
  readonly in: number
  readonly out: number
  readonly dropped: number
  readonly errors: number
  /** Milliseconds until it had settled for all of them, as far as the runtime's clock tells. */
  readonly ms: number
}

/** What one transform did at one place, since its lane was made. */
export interface TransformCounts {
  readonly transform: string
  /** Name of the source in front of whose events it runs; left out where it runs in the lane of a target. */
  readonly source?: string
  readonly runs: number
  readonly in: number
  readonly out: number
  readonly dropped: number
  readonly errors: number
  /** How many runs took how long, by the number of the bucket (see `bucketOf`): sums of two histograms are one. */
  readonly ms: Readonly<Record<string, number>>
}

/** What one transform did at one place, as the admin API shows it. */
export interface TransformReport extends Omit<TransformCounts, 'ms'> {
  /** Milliseconds that half of its runs, and 99 % of them, took at most; 9 % off at most, 0 for at most 0.1 ms. */
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Upper end of bucket 0, in milliseconds; each further bucket ends a quarter of an octave higher. */
const leastMs = 0.1
const bucketsPerOctave = 4
/** Everything above three quarters of an hour is the same. */
const highestBucket = 98

/** The bucket of a time: 0 for at most 0.1 ms, then each bucket reaches 19 % further than the one before. */
export function bucketOf(ms: number): number {
  if (!(ms > leastMs)) return 0
  return Math.min(highestBucket, Math.ceil(Math.log2(ms / leastMs) * bucketsPerOctave))
}

/**
 * Reads a quantile off a histogram.
 *
 * @param histogram how many runs took how long, by bucket
 * @param share 0.5 for the median
 * @returns the middle of the bucket in milliseconds, which is at most 9 % off; 0 for at most 0.1 ms, and where nothing ran
 */
export function quantileMs(histogram: Readonly<Record<string, number>>, share: number): number {
  const buckets = Object.entries(histogram)
    .map(([bucket, runs]): [bucket: number, runs: number] => [Number(bucket), runs])
    .toSorted(([a], [b]) => a - b)
  let left = share * buckets.reduce((sum, [, runs]) => sum + runs, 0)
  for (const [bucket, runs] of buckets) {
    left -= runs
    if (left > 1e-9) continue
    return bucket === 0 ? 0 : Number((leastMs * 2 ** ((bucket - 0.5) / bucketsPerOctave)).toPrecision(2))
  }
  return 0
}

/** Counts one run. */
export const countsOfStep = ({ ms, ...step }: TransformStep, source?: string): TransformCounts => ({
  ...step,
  ...(source === undefined ? {} : { source }),
  runs: 1,
  ms: { [bucketOf(ms)]: 1 },
})

/** Reads off counts what the admin API shows. */
export const reportOf = ({ ms, ...counts }: TransformCounts): TransformReport => ({
  ...counts,
  p50Ms: quantileMs(ms, 0.5),
  p99Ms: quantileMs(ms, 0.99),
})

/** Adds up what the same transform did at the same place. */
export function addCounts(a: TransformCounts, b: TransformCounts): TransformCounts {
  const ms: Record<string, number> = { ...a.ms }
  for (const [bucket, runs] of Object.entries(b.ms)) ms[bucket] = (ms[bucket] ?? 0) + runs
  return {
    ...a,
    runs: a.runs + b.runs,
    in: a.in + b.in,
    out: a.out + b.out,
    dropped: a.dropped + b.dropped,
    errors: a.errors + b.errors,
    ms,
  }
}

/** Transforms that are counted one by one at one place; what comes beyond is counted as `other`. */
const mostTransforms = 200

/** Sums of counts, one for each transform and source, in the order in which they came. */
export class TransformSums {
  readonly #sums = new Map<string, TransformCounts>()

  /** @param sums what is known already */
  constructor(sums: readonly TransformCounts[] = []) {
    this.add(sums)
  }

  add(counts: readonly TransformCounts[]): void {
    for (const given of counts) {
      const isKnown = this.#sums.has(keyOf(given)) || this.#sums.size < mostTransforms
      const one = isKnown ? given : { ...given, transform: 'other' }
      const sum = this.#sums.get(keyOf(one))
      this.#sums.set(keyOf(one), sum === undefined ? one : addCounts(sum, one))
    }
  }

  all(): TransformCounts[] {
    return [...this.#sums.values()]
  }
}

const keyOf = ({ transform, source }: TransformCounts): string => JSON.stringify([transform, source])

/** How large a piece may be. */
interface PieceLimits {
  readonly size: number
  readonly count?: number
}

/**
 * Cuts a list into pieces of bounded size, of at least one item each.
 *
 * @param items in order; the same ones are always cut in the same places, also when whole pieces at the beginning are left out
 * @param sizeOf size of an item, in the unit of `size`
 * @param limits of a piece
 */
export function* cut<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  { size, count = Infinity }: PieceLimits,
): Generator<readonly T[]> {
  let from = 0
  let total = 0
  for (let i = 0; i < items.length; i++) {
    const one = sizeOf(items[i] as T)
    if (i > from && (i - from >= count || total + one > size)) {
      yield items.slice(from, i)
      from = i
      total = 0
    }
    total += one
  }
  if (from < items.length) yield items.slice(from)
}

/** Rows that a query of the admin API gives. */
export const mostQueryRows = 1_000
/** Characters of one value of a query; the rest is cut off. */
export const mostCellLength = 10_000
/** Characters of all values of a query. */
export const mostAnswerLength = 1_000_000
/** Milliseconds that a query may take. */
export const longestQueryMs = 10_000

/**
 * Cuts what is too long, and says whether anything was.
 *
 * @param rows values of which texts may have one character more than is told
 * @returns the rows
 */
export function cutCells(rows: readonly (readonly unknown[])[]): {
  readonly rows: readonly (readonly unknown[])[]
  readonly isCut: boolean
} {
  let isCut = false
  const cut = (value: unknown): unknown => {
    if (typeof value !== 'string' || value.length <= mostCellLength) return value
    isCut = true
    return value.slice(0, mostCellLength).toWellFormed()
  }
  return { rows: rows.map((row) => row.map(cut)), isCut }
}

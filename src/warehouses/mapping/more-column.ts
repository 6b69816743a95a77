/**
 * Holds what has no column of its own, as a JSON object of column and value: what is beyond `mapping.maxColumns` of a row, and
 * what a table has no room for.
 */
export const moreColumn = '_sluiceway_more'

/** Its name in a table, whose names may be in upper case; undefined where the table has none. */
export const moreColumnIn = (columns: Readonly<Record<string, unknown>>): string | undefined =>
  [moreColumn, moreColumn.toUpperCase()].find((name) => columns[name] !== undefined)

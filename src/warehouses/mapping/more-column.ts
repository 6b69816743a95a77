/**
 * Holds what has no column of its own, as a JSON object of column and value: what is beyond `mapping.maxColumns` of a row, and
 * what a table has no room for.
 */
export const moreColumn = '_sluiceway_more'

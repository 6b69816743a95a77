/**
 * Quotes a name for SQL as the standard says.
 *
 * @param name a table's or column's name, whatever is in it; U+0000, which no engine takes, is left out
 * @returns the name in double quotes
 * @example quoted('order "final"') // '"order ""final"""'
 */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`

import type { ColumnType } from '../../core/warehouse.ts'

/**
 * Tells the type of a column that takes values of two types, for engines whose columns change from integers to fractions.
 *
 * A column of numbers never becomes text: one wrong value would break each query that counts or sums. Such a value is discarded.
 *
 * @param from type of the column
 * @param to type of a value
 * @returns the type, `from` where it does; undefined where there is none
 * @example widerNumber('int', 'float') // 'float'
 */
export function widerNumber(from: ColumnType, to: ColumnType): ColumnType | undefined {
  if (from === to) return from
  return (from === 'int' && to === 'float') || (from === 'float' && to === 'int') ? 'float' : undefined
}

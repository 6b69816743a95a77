import type { MappedColumnType } from './types.ts'

/** A value as its column takes it, or why the column does not take it. */
export type Fit = { readonly value: unknown } | { readonly discard: string }

/**
 * Fits a value to a column whose type was fixed by an earlier event or by the warehouse.
 *
 * What fits no other way is discarded, which the caller has to record.
 *
 * @param value The value as the row has it; `null` fits every column.
 * @param from The type that the row gives the value.
 * @param to The type that the column has.
 * @returns The value to store: as text in `string` and `text`, cut to a whole number in `int`, quoted in `json`; or the
 *   reason why it is discarded.
 * @example fit(49.9, 'float', 'int') // { value: 49 }
 */
export function fit(value: unknown, from: MappedColumnType, to: MappedColumnType): Fit {
  if (from === to || value === null || value === undefined) return { value }
  switch (to) {
    case 'string':
    case 'text':
      return { value: stringify(value) }
    case 'json':
      return { value: JSON.stringify(value) }
    case 'float':
      if (from === 'int' && typeof value === 'number') return { value }
      break
    case 'int':
      if (from === 'float' && typeof value === 'number' && Number.isFinite(value)) return { value: Math.trunc(value) }
      break
    default:
  }
  return { discard: `the column is ${to}, the value is ${from}` }
}

const stringify = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

import type { ColumnType, Value } from '../core/warehouse.ts'
import { fit } from '../warehouses/mapping/fit.ts'

/** Why a column does not take a value. */
export interface NoFit {
  readonly discard: string
}

const smallestBeyondInt = 2 ** 63
/** Characters of an integer of 64 bits. */
const longestInt = 20
const noRoom: NoFit = { discard: 'the table has no room for more columns' }

/**
 * Fits a value to the column that its table has. What would be cut is discarded instead.
 *
 * @param value the value as the row has it
 * @param from the type that the row gives it
 * @param to the type of the column; undefined where the table has no such column
 * @returns what the engine is given, or why the column does not take the value
 */
export function fitValue(value: unknown, from: ColumnType, to: ColumnType | undefined): Value | NoFit {
  if (to === undefined) return noRoom
  if (to === 'int' && typeof value === 'string' && isLargeInt(value)) return value
  if (to === 'float' && typeof value === 'string' && isBeyondSafe(value)) return checkRange(Number(value), to)
  if (to === 'int' && from === 'float' && !Number.isInteger(value))
    return { discard: 'the column is int, the value is float' }
  const found = fit(value, from, to)
  if ('discard' in found) return found
  return typeof found.value === 'number' ? checkRange(found.value, to) : scalarOf(found.value)
}

/**
 * Reads an id as its column has it. RudderStack makes a column of numbers where the first id was a number, and the edge makes a
 * text of each id.
 *
 * @param value of a column of ours that is made for texts
 * @param to the type of the column; undefined where the table has no such column
 * @returns the number whose digits the value is; undefined where the column is none of numbers, and for all other values
 */
export function idNumberOf(value: unknown, to: ColumnType | undefined): number | undefined {
  if ((to !== 'int' && to !== 'float') || typeof value !== 'string') return undefined
  if (!/^(?:0|-?[1-9]\d{0,15})$/.test(value)) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

export const isDiscard = (fitting: Value | NoFit): fitting is NoFit => typeof fitting === 'object' && fitting !== null

/** What an engine is given for a value: arrays are JSON text. */
export function scalarOf(value: unknown): Value {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
    case 'object':
      return value === null ? null : JSON.stringify(value)
    default:
      return null
  }
}

/** Whether a number is an integer that 64 bits do not hold. */
export const isBeyondInt = (value: unknown): boolean =>
  typeof value === 'number' && Math.abs(value) >= smallestBeyondInt

/** Whether a text is what the edge makes of an integer beyond 2^53. */
const isBeyondSafe = (text: string): boolean => /^-?[1-9]\d{15,}$/.test(text) && !Number.isSafeInteger(Number(text))

/** Whether it is one that 64 bits hold. */
const isLargeInt = (text: string): boolean =>
  text.length <= longestInt && isBeyondSafe(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)

function checkRange(value: number, type: ColumnType): Value | NoFit {
  if (type === 'int') return isBeyondInt(value) ? { discard: 'the number does not fit into 64 bits' } : value
  return Number.isFinite(value) ? value : { discard: 'the number is not finite' }
}

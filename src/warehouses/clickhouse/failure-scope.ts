import type { FailureScope } from '../../core/warehouse.ts'

/**
 * Codes that speak of values: text, number, date or JSON that cannot be read, a value out of range, a null, a constraint, a view
 * that throws. https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp (checked 2026-12-01)
 */
const ofRows = new Set([
  6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 153, 190, 321, 349, 376, 395, 407, 441, 467, 469,
  675, 676, 691,
])
/** What the server says behind an error of reading input: there are more of these codes than anybody lists. */
const atRow = /\(at row \d+\)/
/**
 * Codes that speak of the statement or of the table: a name, a type, what is not there or not possible; too many parts or
 * mutations, of which each table has its own.
 */
const ofTable = new Set([
  8, 10, 15, 16, 20, 36, 42, 43, 44, 46, 47, 48, 50, 57, 60, 62, 63, 80, 85, 122, 161, 179, 181, 183, 218, 248, 252,
  277, 341, 386, 420, 450, 524, 565, 692, 727, 774,
])
/**
 * Codes that time does not mend: users and passwords, a database or a cluster that is not there, settings that the server
 * does not know or does not let one change.
 */
const ofSetUp = new Set([81, 115, 164, 192, 193, 194, 195, 291, 452, 501, 516, 701])
const noSpace = 243
/** A right is one for a table; where all of them are missing, all tables say so. */
const noRight = 497

/**
 * Tells what an error of ClickHouse speaks of.
 *
 * @param code of its exception; undefined where there is none, so that the warehouse is out of reach
 * @param words of its exception
 * @returns the scope, and whether time alone does not mend it; what is not known to speak of rows or of a table speaks of all
 * @example scopeOfCode(516, 'Authentication failed') // { scope: 'warehouse', lasting: true }
 */
export function scopeOfCode(
  code: number | undefined,
  words: string,
): { readonly scope: FailureScope; readonly lasting: boolean } {
  if (code === undefined) return { scope: 'warehouse', lasting: false }
  if (ofRows.has(code)) return { scope: 'rows', lasting: false }
  if (code === noRight) return { scope: 'table', lasting: true }
  if (ofTable.has(code)) return { scope: 'table', lasting: false }
  if (atRow.test(words)) return { scope: 'rows', lasting: false }
  return { scope: 'warehouse', lasting: ofSetUp.has(code) || code === noSpace }
}

import type { NewDeadLetter } from '../core/dead-letter.ts'
import { RPC_BYTES } from '../platform/limits.ts'

/** UTF-16 units of the letters of one call: a unit has at most three bytes as UTF-8, and a letter more than its event. */
const letterUnits = RPC_BYTES / 8

/** Cuts letters into what one call carries. */
export function* callsOf(letters: readonly NewDeadLetter[]): Generator<readonly NewDeadLetter[]> {
  let call: NewDeadLetter[] = []
  let units = 0
  for (const letter of letters) {
    const length = letter.event.length + letter.reason.length + 1_000
    if (call.length > 0 && units + length > letterUnits) {
      yield call
      call = []
      units = 0
    }
    call.push(letter)
    units += length
  }
  if (call.length > 0) yield call
}

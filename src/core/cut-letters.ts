import { cut } from './cut.ts'
import type { NewDeadLetter } from './dead-letter.ts'

/** UTF-16 code units of the letters of one call: with two bytes for each, half of the 32 MiB that a call carries. */
const pieceLength = 8_000_000

/**
 * Cuts dead letters into pieces that one call to a lane carries, at least one letter each. The same letters are always cut in
 * the same places, also when whole pieces at the beginning are left out.
 *
 * @param letters in order
 */
export const cutLetters = (letters: readonly NewDeadLetter[]): Generator<readonly NewDeadLetter[]> =>
  cut(letters, ({ event, reason, detail = '' }) => event.length + reason.length + detail.length + 500, {
    size: pieceLength,
  })

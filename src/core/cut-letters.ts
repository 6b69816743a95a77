import type { NewDeadLetter } from './dead-letter.ts'

/** UTF-16 code units of the letters of one call: with two bytes for each, half of the 32 MiB that a call carries. */
const pieceLength = 8_000_000

/**
 * Cuts dead letters into pieces that one call to a lane carries, at least one letter each. The same letters are always cut in
 * the same places, also when whole pieces at the beginning are left out.
 *
 * @param letters in order
 */
export function* cutLetters(letters: readonly NewDeadLetter[]): Generator<readonly NewDeadLetter[]> {
  for (let start = 0; start < letters.length;) {
    let end = start
    let length = 0
    while (end < letters.length) {
      const { event, detail = '' } = letters[end] as NewDeadLetter
      length += event.length + detail.length + 500
      if (length > pieceLength && end > start) break
      end++
    }
    yield letters.slice(start, end)
    start = end
  }
}

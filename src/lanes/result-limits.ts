import { frame } from '../storage/frame.ts'

/** UTF-16 code units that the transforms of a target may make of one event: a lane has many in memory. */
const mostUnits = 4_000_000
/** Bytes of that in a frame: with the event itself, it must fit into a row of the lane, which has 2 MB. */
const mostBytes = 1_000_000
/** Text below this has fewer bytes, also when nothing can be compressed: a code unit has three at most. */
const surelyFits = mostBytes / 3

/**
 * Says whether what transforms made of one event is more than a lane can keep.
 *
 * @param texts the JSON of each
 * @returns the sentence for its dead letter; undefined where it fits
 */
export function resultTooLarge(texts: readonly string[]): string | undefined {
  const units = texts.reduce((sum, text) => sum + text.length, 0)
  if (units > mostUnits)
    return `the transforms made ${units} characters of it, and a target takes ${mostUnits} of one event at most`
  if (units <= surelyFits) return undefined
  const bytes = frame(texts.join('\n')).byteLength
  return bytes > mostBytes
    ? `what the transforms made of it has ${bytes} bytes when compressed, and a target takes ${mostBytes} of one event at most`
    : undefined
}

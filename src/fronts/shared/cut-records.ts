import type { FrontCapabilities, KafkaRecord } from '../../core/kafka.ts'

/** A record with its place among all that are produced. */
export interface PlacedRecord {
  readonly record: KafkaRecord
  readonly place: number
}

/** About how many bytes a record has in a call, in base64 and with what is around it. */
const sizeOf = ({ key, value, headers }: KafkaRecord): number =>
  120 +
  Math.ceil((((key?.length ?? 0) + (value?.length ?? 0)) * 4) / 3) +
  headers.reduce((sum, [name, one]) => sum + 40 + name.length * 3 + Math.ceil(((one?.length ?? 0) * 4) / 3), 0)

/**
 * Cuts records into pieces that one call of a front takes.
 *
 * @param records in their order
 * @param limits of one call; a record that is too large for it alone is a piece of its own, and the broker judges it
 */
export function cutRecords(
  records: readonly PlacedRecord[],
  { maxRecords, maxBytes }: Pick<FrontCapabilities, 'maxRecords' | 'maxBytes'>,
): (readonly PlacedRecord[])[] {
  const pieces: PlacedRecord[][] = []
  let bytes = 0
  for (const one of records) {
    const size = sizeOf(one.record)
    const last = pieces.at(-1)
    if (last === undefined || last.length >= maxRecords || bytes + size > maxBytes) {
      pieces.push([one])
      bytes = size
    } else {
      last.push(one)
      bytes += size
    }
  }
  return pieces
}

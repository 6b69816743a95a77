import { isRecord } from '../core/json.ts'
import { ByteCursor } from './byte-cursor.ts'
import { ByteSink } from './byte-sink.ts'
import { bigIntOf, bytesOfBigInt, readDecimal, rescale, writeDecimal } from './decimal.ts'
import type { AvroType, LogicalType } from './schema.ts'
import {
  readClock,
  readDate,
  readTimestamp,
  type SecondDigits,
  writeClock,
  writeDate,
  writeTimestamp,
} from './time-text.ts'

/** Between values of a logical type and those of the type beneath it. */
export interface Conversion {
  /** What an error calls it. */
  readonly name: string
  /** Gives the underlying value; undefined when the value is none of the logical type. */
  readonly lower: (value: unknown) => unknown
  /** Gives the value of an underlying one; what has no such form stays as it is. */
  readonly raise: (raw: unknown) => unknown
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/**
 * Makes the conversion of a type with a logical type.
 *
 * @param type a type
 * @returns undefined for a type without
 */
export function conversionOf(type: AvroType): Conversion | undefined {
  const { logical } = type
  if (logical === undefined) return undefined
  const { name } = logical
  switch (name) {
    case 'decimal':
      return decimal(logical, type.kind === 'fixed' ? type.size : undefined)
    case 'big-decimal':
      return bigDecimal
    case 'date':
      return {
        name,
        lower: (value) =>
          value instanceof Date ? Math.floor(value.getTime() / 86_400_000) : numberOr(value, readDate),
        raise: (raw) => writeDate(raw as number) ?? raw,
      }
    case 'time-millis':
    case 'time-micros': {
      const digits = name === 'time-millis' ? 3 : 6
      return {
        name,
        lower: (value) => numberOr(value, (text) => readClock(text, digits)),
        raise: (raw) => writeClock(raw as number, digits) ?? raw,
      }
    }
    case 'timestamp-millis':
    case 'timestamp-micros':
    case 'timestamp-nanos':
    case 'local-timestamp-millis':
    case 'local-timestamp-micros':
    case 'local-timestamp-nanos':
      return timestamp(name)
    case 'uuid':
      return type.kind === 'fixed' ? uuidBytes : uuidText
    case 'duration':
      return duration
  }
}

const numberOr = (value: unknown, read: (text: string) => number | bigint | undefined): unknown =>
  typeof value === 'string' ? read(value) : isNumber(value) ? value : undefined

function timestamp(name: string): Conversion {
  const digits: SecondDigits = name.endsWith('millis') ? 3 : name.endsWith('micros') ? 6 : 9
  const isLocal = name.startsWith('local')
  return {
    name: `${name} (${isLocal ? 'a time without zone' : 'a time of RFC 3339'}, or a number)`,
    lower: (value) =>
      numberOr(
        value instanceof Date && !isLocal && !Number.isNaN(value.getTime()) ? value.toISOString() : value,
        (text) => readTimestamp(text, digits, isLocal),
      ),
    raise: (raw) => writeTimestamp(raw as number | bigint, digits, isLocal) ?? raw,
  }
}

const decimal = ({ precision, scale }: LogicalType, size: number | undefined): Conversion => ({
  name: `decimal of at most ${precision} digits, ${scale} of them behind the point`,
  lower: (value) => {
    if (value instanceof Uint8Array) return value
    const read = readDecimal(value)
    const unscaled = read === undefined ? undefined : rescale(read, scale)
    if (unscaled === undefined || digitsOf(unscaled) > precision) return undefined
    return bytesOfBigInt(unscaled, size)
  },
  raise: (raw) => writeDecimal({ unscaled: bigIntOf(raw as Uint8Array), scale }),
})

const digitsOf = (value: bigint): number => String(value < 0n ? -value : value).length

/** Its bytes are those of the number, as `bytes`, and its scale, as `int`. */
const bigDecimal: Conversion = {
  name: 'big-decimal',
  lower: (value) => {
    if (value instanceof Uint8Array) return value
    const read = readDecimal(value)
    if (read === undefined) return undefined
    const bytes = bytesOfBigInt(read.unscaled) as Uint8Array
    const sink = new ByteSink()
    sink.long(bytes.length)
    sink.bytes(bytes)
    sink.long(read.scale)
    return sink.take()
  },
  raise: (raw) => {
    const cursor = new ByteCursor(raw as Uint8Array, { maxDepth: 0, maxEmptyItems: 0 })
    const unscaled = bigIntOf(cursor.view(cursor.size()))
    const scale = cursor.int()
    // A scale is one int: what it asks for must not be what is allocated.
    return scale < 0 || scale > 1_000 ? raw : writeDecimal({ unscaled, scale })
  },
}

const uuidText: Conversion = {
  name: 'uuid',
  lower: (value) => (typeof value === 'string' && uuid.test(value) ? value : undefined),
  raise: (raw) => raw,
}

const uuidBytes: Conversion = {
  name: 'uuid',
  lower: (value) => {
    if (value instanceof Uint8Array) return value
    if (typeof value !== 'string' || !uuid.test(value)) return undefined
    const hex = value.replaceAll('-', '')
    return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
  },
  raise: (raw) => {
    const hex = Array.from(raw as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  },
}

/** Three unsigned numbers of 32 bits, the lowest byte first. */
const parts = ['months', 'days', 'milliseconds'] as const

const duration: Conversion = {
  name: 'duration ({"months","days","milliseconds"})',
  lower: (value) => {
    if (value instanceof Uint8Array) return value
    if (!isRecord(value)) return undefined
    const bytes = new Uint8Array(12)
    const view = new DataView(bytes.buffer)
    for (const [i, name] of parts.entries()) {
      const part = value[name] ?? 0
      if (typeof part !== 'number' || !Number.isInteger(part) || part < 0 || part > 0xffffffff) return undefined
      view.setUint32(4 * i, part, true)
    }
    return bytes
  },
  raise: (raw) => {
    const bytes = raw as Uint8Array
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    return Object.fromEntries(parts.map((name, i) => [name, view.getUint32(4 * i, true)]))
  },
}

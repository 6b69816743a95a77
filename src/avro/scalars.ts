import type { ByteSink } from './byte-sink.ts'
import type { PrimitiveName } from './schema.ts'

/** How bytes are given as text: each character a byte, as Avro-JSON has it, or base64. */
export type BytesText = 'latin1' | 'base64'

const least64 = -(2n ** 63n)
const most64 = 2n ** 63n - 1n
/** Text of a whole number that no JavaScript number holds, as the edge keeps it. */
const digits = /^-?\d{16,20}$/
const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** Reads a whole number of 64 bits; undefined when the value is none, or a number that has lost digits. */
export function longOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  const big = typeof value === 'string' && digits.test(value) ? BigInt(value) : value
  if (typeof big !== 'bigint' || big < least64 || big > most64) return undefined
  return typeof value === 'string' && Number.isSafeInteger(Number(big)) ? undefined : big
}

/** Reads a whole number of 32 bits; undefined when the value is none. */
export function intOf(value: unknown): number | undefined {
  if (typeof value === 'number') return (value | 0) === value ? value : undefined
  return typeof value === 'bigint' && BigInt.asIntN(32, value) === value ? Number(value) : undefined
}

/** Reads a number with a point; undefined when the value is none. */
export function doubleOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'string') return undefined
  return Object.hasOwn(special, value) ? special[value] : isLargeNumber(value) ? Number(value) : undefined
}

const isLargeNumber = (text: string): boolean => digits.test(text) && !Number.isSafeInteger(Number(text))

/** Reads bytes; undefined when the value is neither bytes nor text of them. */
export function bytesOf(value: unknown, text: BytesText): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (typeof value !== 'string') return undefined
  let latin = value
  if (text === 'base64')
    try {
      latin = atob(value)
    } catch {
      return undefined
    }
  const bytes = new Uint8Array(latin.length)
  for (let i = 0; i < latin.length; i++) {
    const code = latin.charCodeAt(i)
    if (code > 0xff) return undefined
    bytes[i] = code
  }
  return bytes
}

/** Writes bytes as text. */
export function textOfBytes(bytes: Uint8Array, text: BytesText): string {
  let latin = ''
  for (let i = 0; i < bytes.length; i += 8_192) latin += String.fromCharCode(...bytes.subarray(i, i + 8_192))
  return text === 'latin1' ? latin : btoa(latin)
}

/** Writes a value of a primitive type; false when it is none, and nothing was written. */
export type WriteScalar = (sink: ByteSink, value: unknown) => boolean

/**
 * Makes the writers of primitive types.
 *
 * @param text how bytes are given as text
 * @returns one for each
 */
export const scalarWriters = (text: BytesText): Readonly<Record<PrimitiveName, WriteScalar>> => ({
  null: (_, value) => value === null || value === undefined,
  boolean: (sink, value) => {
    if (typeof value !== 'boolean') return false
    sink.byte(value ? 1 : 0)
    return true
  },
  int: (sink, value) => {
    const number = intOf(value)
    if (number === undefined) return false
    sink.long(number)
    return true
  },
  long: (sink, value) => {
    const number = longOf(value)
    if (number === undefined) return false
    if (typeof number === 'bigint') sink.bigLong(number)
    else sink.long(number)
    return true
  },
  float: (sink, value) => {
    const number = doubleOf(value)
    if (number === undefined) return false
    sink.float(number)
    return true
  },
  double: (sink, value) => {
    const number = doubleOf(value)
    if (number === undefined) return false
    sink.double(number)
    return true
  },
  bytes: (sink, value) => {
    const bytes = bytesOf(value, text)
    if (bytes === undefined) return false
    sink.long(bytes.length)
    sink.bytes(bytes)
    return true
  },
  string: (sink, value) => {
    if (typeof value !== 'string') return false
    sink.text(value)
    return true
  },
})

/**
 * Judges whether a value is one of a primitive type.
 *
 * @param kind the type
 * @param value any value
 * @param isExact whether it must be one as it stands: without loss, and not as text of something else
 */
export function fitsScalar(kind: PrimitiveName, value: unknown, isExact: boolean): boolean {
  switch (kind) {
    case 'null':
      return value === null || value === undefined
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return !(isExact && Object.is(value, -0)) && intOf(value) !== undefined
    case 'long':
      return (
        !(isExact && Object.is(value, -0)) && (!isExact || typeof value !== 'string') && longOf(value) !== undefined
      )
    case 'float':
      return isExact ? typeof value === 'number' && Object.is(Math.fround(value), value) : doubleOf(value) !== undefined
    case 'double':
      return isExact ? typeof value === 'number' : doubleOf(value) !== undefined
    case 'string':
      return typeof value === 'string'
    case 'bytes':
      return isExact ? value instanceof Uint8Array : bytesOf(value, 'latin1') !== undefined
  }
}

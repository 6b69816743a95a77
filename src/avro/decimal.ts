/** Digits that are read of a decimal, and its largest exponent: both are bounded, since a number grows with them. */
const most = 1_000
const pattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d{1,4}))?$/

/** A number as its digits, without the point, and how many of them stand behind it. */
export interface Decimal {
  readonly unscaled: bigint
  readonly scale: number
}

/**
 * Reads a decimal number.
 *
 * @param value a number, a bigint, or text such as `12.50`; a number counts as the shortest text that gives it
 * @returns undefined when it is none, or has more than 1,000 digits
 */
export function readDecimal(value: unknown): Decimal | undefined {
  if (typeof value === 'bigint') return { unscaled: value, scale: 0 }
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value)
  if (text.length > most) return undefined
  const [match, sign = '', whole = '', fraction = '', exponent = '0'] = pattern.exec(text) ?? []
  if (match === undefined || Math.abs(Number(exponent)) > most) return undefined
  const digits = BigInt(`${sign}${whole}${fraction}`)
  const scale = fraction.length - Number(exponent)
  return scale >= 0 ? { unscaled: digits, scale } : { unscaled: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** Gives a number another scale; undefined when digits would be lost. */
export function rescale({ unscaled, scale }: Decimal, wanted: number): bigint | undefined {
  if (wanted >= scale) return unscaled * 10n ** BigInt(wanted - scale)
  const factor = 10n ** BigInt(scale - wanted)
  return unscaled % factor === 0n ? unscaled / factor : undefined
}

/** Writes a number with all the digits of its scale, as `12.50`. */
export function writeDecimal({ unscaled, scale }: Decimal): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

/**
 * Writes a number as two's complement, the highest byte first.
 *
 * @param size bytes; as few as hold it when left out
 * @returns undefined when it does not fit into so many
 */
export function bytesOfBigInt(value: bigint, size?: number): Uint8Array | undefined {
  let length = 1
  const bits = (value < 0n ? -value - 1n : value).toString(16).length * 4
  while (8 * length - 1 < bits && !fits(value, length)) length++
  if (size !== undefined && length > size) return undefined
  const bytes = new Uint8Array(size ?? length)
  let rest = value
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

const fits = (value: bigint, bytes: number): boolean => BigInt.asIntN(8 * bytes, value) === value

/** Reads two's complement, the highest byte first. No bytes are 0. */
export function bigIntOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`))
}

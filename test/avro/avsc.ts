import avsc from 'avsc'

/** A `long` of avsc that is a number where one holds it, else a bigint. */
// oxlint-disable-next-line no-underscore-dangle -- so avsc names it
const bigLong = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => {
    const value = buffer.readBigInt64LE()
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  },
  toBuffer: (value: number | bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(BigInt(value))
    return buffer
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0),
})

/** Makes a type of avsc, whose unions are wrapped or not. */
export const avscType = (schema: unknown, unions: 'plain' | 'wrapped', hasBigLongs = false): avsc.Type =>
  avsc.Type.forSchema(structuredClone(schema) as avsc.Schema, {
    wrapUnions: unions === 'wrapped',
    ...(hasBigLongs ? { registry: { long: bigLong } } : {}),
  })

/** Turns what avsc gives into plain objects, and bytes of any kind into `Uint8Array`, so that values can be compared. */
export function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plainOf(one)]))
  return value
}

/** Turns bytes into buffers, which are what avsc takes. */
export function buffersOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(buffersOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, buffersOf(one)]))
  return value
}

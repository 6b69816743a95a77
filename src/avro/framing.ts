import { valueError } from './avro-error.ts'

/** Names the schema of some data in a registry. */
export type SchemaRef =
  | { readonly kind: 'id'; readonly id: number }
  /** 36 characters, in lower case. */
  | { readonly kind: 'guid'; readonly guid: string }

/** Data and the schema that it names. */
export interface FramedData {
  readonly schema: SchemaRef
  /** A view of the data behind the frame. */
  readonly payload: Uint8Array
}

/** Headers of a record that name the schemas of its key and its value, in the form of a frame. */
export const schemaHeaders = { key: '__key_schema_id', value: '__value_schema_id' } as const

const idBytes = 5
const guidBytes = 17

/**
 * Makes the frame that Confluent's serializers put before data: a zero byte, and the id of the schema in four bytes.
 *
 * @param id from 0 to 2,147,483,647
 * @throws {SluicewayError} avro_value_invalid for another id
 * @returns five bytes, the prefix of an encoder
 */
export function frameOf(id: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(id) || id < 0 || id > 0x7fffffff)
    throw valueError('', `the id of a schema must be a whole number of 32 bits, not ${id}`)
  const frame = new Uint8Array(idBytes)
  new DataView(frame.buffer).setInt32(1, id)
  return frame
}

/**
 * Reads which schema some data has: from a header, else from the frame before it.
 *
 * It knows the frames of Confluent's serializers: the byte 0 and an id, and the byte 1 and a GUID of 16 bytes.
 *
 * @param data the key or value of a record
 * @param header the value of its header in `schemaHeaders`, if it has one; the data has no frame then
 * @throws {SluicewayError} avro_value_invalid, an `AvroError`, when there is no frame
 * @returns the schema and the data without the frame
 */
export function readFrame(data: Uint8Array, header?: Uint8Array | null): FramedData {
  if (header === undefined || header === null) {
    const { schema, size } = refIn(data, 'the data')
    return { schema, payload: data.subarray(size) }
  }
  const { schema, size } = refIn(header, 'the header')
  if (header.length !== size) throw valueError('', `the header names a schema with ${header.length} bytes, not ${size}`)
  return { schema, payload: data }
}

function refIn(bytes: Uint8Array, what: string): { schema: SchemaRef; size: number } {
  const [magic] = bytes
  if (magic === undefined) throw valueError('', `${what} is empty: it names no schema`)
  if (magic > 1)
    throw valueError('', `${what} begins with the byte ${magic}, not with 0 or 1: no id of a schema stands before it`)
  const size = magic === 0 ? idBytes : guidBytes
  if (bytes.length < size)
    throw valueError('', `${what} ends within the id of its schema: it has ${bytes.length} bytes`)
  if (magic === 0) {
    const id = new DataView(bytes.buffer, bytes.byteOffset).getInt32(1)
    if (id < 0) throw valueError('', `${what} names the schema ${id}, which is no id`)
    return { schema: { kind: 'id', id }, size }
  }
  const hex = Array.from(bytes.subarray(1, size), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const guid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  return { schema: { kind: 'guid', guid }, size }
}

import { valueError } from './avro-error.ts'
import { ByteCursor } from './byte-cursor.ts'
import { ByteSink } from './byte-sink.ts'
import { type DecodeOptions, ReaderMaker, SkipMaker } from './decode.ts'
import { type EncodeOptions, WriterMaker } from './encode.ts'
import { ResolvingReaderMaker } from './resolve.ts'
import type { AvroType } from './schema.ts'

/** Encodes a value, behind a prefix such as a frame. */
export type EncodeValue = (value: unknown, prefix?: Uint8Array) => Uint8Array<ArrayBuffer>

/** Decodes the bytes of one value. */
export type DecodeValue = (bytes: Uint8Array) => unknown

/** A sink that nobody uses at the moment. */
let spare: ByteSink | undefined

/**
 * Makes a function that encodes values of a schema. Make it once: it takes much longer than a value.
 *
 * @param type of `parseSchema`
 * @param options how values are read
 * @throws {SluicewayError} avro_schema_invalid when a default of the schema does not fit its type
 * @returns a function that throws an `AvroError` (`avro_value_invalid`) with the field when a value does not fit
 * @example makeEncoder(parseSchema('"string"'))('Ada') // 06 41 64 61
 */
export function makeEncoder(type: AvroType, options: EncodeOptions = {}): EncodeValue {
  const write = new WriterMaker(options).writerOf(type)
  return (value, prefix) => {
    const sink = spare ?? new ByteSink()
    // What a value's getter encodes meanwhile gets another.
    spare = undefined
    sink.reset()
    if (prefix !== undefined) sink.bytes(prefix)
    try {
      write(sink, value)
      return sink.take()
    } finally {
      spare = sink
    }
  }
}

/** How bytes are decoded. */
export interface DecoderOptions extends DecodeOptions {
  /** The schema in which values are wanted; that of the data when left out. */
  readonly reader?: AvroType
}

/**
 * Makes a function that decodes values of a schema. Make it once: it takes much longer than a value.
 *
 * @param writer the schema of the data
 * @param options the schema that is wanted, how values are given, and what hostile data may ask for: `maxDepth` 100 records
 *   within each other, `maxEmptyItems` 100,000
 * @throws {SluicewayError} avro_schema_invalid when no data of the one schema is data of the other
 * @returns a function that throws an `AvroError` (`avro_value_invalid`) with the field when the data is damaged
 */
export function makeDecoder(writer: AvroType, options: DecoderOptions = {}): DecodeValue {
  const { reader, maxDepth = 100, maxEmptyItems = 100_000 } = options
  const read =
    reader === undefined
      ? new ReaderMaker(options).readerOf(writer)
      : new ResolvingReaderMaker(options).readerOf(writer, reader)
  const bounds = { maxDepth, maxEmptyItems }
  return (bytes) => {
    const cursor = new ByteCursor(bytes, bounds)
    const value = read(cursor)
    if (cursor.left > 0) throw valueError(writer.at, `the data has ${cursor.left} bytes more than its schema`)
    return value
  }
}

/**
 * Makes a function that says how many bytes the value at the beginning of some bytes takes.
 *
 * @param type the schema of the data
 * @returns a function that passes over one value, and throws an `AvroError` when the data is damaged
 */
export function makeSkipper(type: AvroType): (bytes: Uint8Array) => number {
  const skip = new SkipMaker().skipperOf(type)
  return (bytes) => {
    const cursor = new ByteCursor(bytes, { maxDepth: 100, maxEmptyItems: 100_000 })
    skip(cursor)
    return bytes.length - cursor.left
  }
}

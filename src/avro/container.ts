// https://avro.apache.org/docs/1.12.0/specification/#object-container-files (checked 2026-11-29)
import { constants, deflateRawSync, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { valueError } from './avro-error.ts'
import { ByteCursor } from './byte-cursor.ts'
import { ByteSink } from './byte-sink.ts'
import { ReaderMaker } from './decode.ts'
import { WriterMaker } from './encode.ts'
import { parseSchema } from './parse-schema.ts'

const magic = Uint8Array.from([0x4f, 0x62, 0x6a, 1])
const bounds = { maxDepth: 100, maxEmptyItems: 100_000 }
/** Bytes that a block may have when it is inflated. */
const mostBytes = 64 * 1024 * 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const headerType = parseSchema({ type: 'map', values: 'bytes' })

/** What an Avro object container file holds. */
export interface Container {
  /** The schema as it was written: JSON, with attributes that Avro does not know. */
  readonly schema: unknown
  readonly metadata: Readonly<Record<string, string>>
  readonly values: readonly unknown[]
}

/**
 * Writes values as an Avro object container file of one block, with the codec `deflate`.
 *
 * @param content the schema, values that fit it (unions as they are), and metadata beside those of Avro
 * @throws {SluicewayError} avro_value_invalid when a value does not fit
 * @returns the bytes of the file
 */
export function writeContainer({ schema, metadata, values }: Container): Uint8Array<ArrayBuffer> {
  const write = new WriterMaker({ unions: 'plain', logicalTypes: false }).writerOf(parseSchema(schema))
  const block = new ByteSink()
  for (const value of values) write(block, value)
  const packed = deflateRawSync(block.take())
  const sync = crypto.getRandomValues(new Uint8Array(16))
  const file = new ByteSink()
  file.bytes(magic)
  const header = { ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate' }
  const bytes = Object.entries(header).map(([key, text]) => [key, encoder.encode(text)] as const)
  new WriterMaker({}).writerOf(headerType)(file, Object.fromEntries(bytes))
  file.bytes(sync)
  if (values.length > 0) {
    file.long(values.length)
    file.long(packed.length)
    file.bytes(packed)
    file.bytes(sync)
  }
  return file.take()
}

/**
 * Reads an Avro object container file, with the codecs `null`, `deflate` and `zstandard`.
 *
 * @param bytes of the whole file; of its blocks, none may be larger than 64 MiB
 * @throws {SluicewayError} avro_value_invalid when it is damaged, or has another codec; avro_schema_invalid
 * @returns what it holds; a `long` beyond 2^53 is a bigint
 */
export function readContainer(bytes: Uint8Array): Container {
  const cursor = new ByteCursor(bytes, bounds)
  if (magic.some((byte) => cursor.byte() !== byte)) throw valueError('', 'this is no Avro container file')
  const header = new ReaderMaker({}).readerOf(headerType)(cursor) as Record<string, Uint8Array>
  const texts = Object.entries(header).map(([key, value]) => [key, decoder.decode(value)] as const)
  const { 'avro.schema': text = '', 'avro.codec': codec = 'null', ...metadata } = Object.fromEntries(texts)
  const schema = JSON.parse(text) as unknown
  const read = new ReaderMaker({ logicalTypes: false }).readerOf(parseSchema(schema))
  const sync = cursor.view(16).slice()
  const values: unknown[] = []
  while (cursor.left > 0) {
    const count = Number(cursor.long())
    const block = new ByteCursor(unpacked(cursor.view(cursor.size()), codec), bounds)
    for (let i = 0; i < count; i++) values.push(read(block))
    const end = cursor.view(16)
    if (block.left > 0 || sync.some((byte, i) => end[i] !== byte)) throw valueError('', 'a block is damaged')
  }
  return { schema, metadata, values }
}

function unpacked(bytes: Uint8Array, codec: string): Uint8Array {
  const options = { maxOutputLength: mostBytes }
  switch (codec) {
    case 'null':
      return bytes
    case 'deflate':
      return inflateRawSync(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
    case 'zstandard':
      return zstdDecompressSync(bytes, options)
    default:
      throw valueError('', `the codec ${codec} is not read`)
  }
}

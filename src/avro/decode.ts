import { errorWithin, schemaError, valueError } from './avro-error.ts'
import type { Bounds, ByteCursor } from './byte-cursor.ts'
import { conversionOf } from './conversion.ts'
import { leastBytesOf } from './least-bytes.ts'
import { type BytesText, textOfBytes } from './scalars.ts'
import {
  type AvroArray,
  type AvroMap,
  type AvroPrimitive,
  type AvroRecord,
  type AvroType,
  type AvroUnion,
  typeName,
} from './schema.ts'

/** How values are given that were decoded. */
export interface DecodeOptions extends Partial<Bounds> {
  /** The value of a union: as it is (`plain`, the default), or by the name of its branch, as Avro-JSON has it. */
  readonly unions?: 'plain' | 'wrapped'
  /** A `long` beyond ±(2^53 − 1): a bigint (the default), or the text of its digits. Others are numbers. */
  readonly bigLongs?: 'bigint' | 'text'
  /** Bytes and fixed: a Uint8Array (`bytes`, the default), or text. */
  readonly bytes?: 'bytes' | BytesText
  /** False gives values of logical types in their underlying form: days for a date. */
  readonly logicalTypes?: boolean
}

/** Reads a value; throws an AvroError when the data is damaged. */
export type ReadValue = (cursor: ByteCursor) => unknown

/** Passes over a value. */
export type SkipValue = (cursor: ByteCursor) => void

/** Sets a key of an object that came from data: also the one that would set its prototype. */
export function setKey(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

/** Makes the readers of a schema's types: closures that call each other, made once. */
export class ReaderMaker {
  readonly #unions: 'plain' | 'wrapped'
  readonly #bigLongs: 'bigint' | 'text'
  readonly #bytes: 'bytes' | BytesText
  readonly #logicalTypes: boolean
  readonly #records = new Map<AvroRecord, { read: ReadValue }>()

  constructor({ unions = 'plain', bigLongs = 'bigint', bytes = 'bytes', logicalTypes = true }: DecodeOptions) {
    this.#unions = unions
    this.#bigLongs = bigLongs
    this.#bytes = bytes
    this.#logicalTypes = logicalTypes
  }

  /** Makes the reader of a type. */
  readerOf(type: AvroType): ReadValue {
    switch (type.kind) {
      case 'record': {
        const known = this.#records.get(type)
        if (known !== undefined) return (cursor) => known.read(cursor)
        const box: { read: ReadValue } = { read: () => undefined }
        this.#records.set(type, box)
        return (box.read = this.#recordReader(type))
      }
      case 'array':
        return listReader(type, this.readerOf(type.items))
      case 'map':
        return mapReader(type, this.readerOf(type.values))
      case 'union':
        return unionReader(
          type,
          type.branches.map((branch) => this.inUnion(branch, this.readerOf(branch))),
        )
      case 'enum':
        return (cursor) => symbolOf(cursor, type.symbols, type.at)
      default:
        return this.raise(type, primitiveReader(type))
    }
  }

  /** Gives what a reader of the underlying type gives as the options say: logical, as text, or as it is. */
  raise(type: AvroType, read: ReadValue): ReadValue {
    const conversion = this.#logicalTypes ? conversionOf(type) : undefined
    if (conversion !== undefined) {
      const { raise } = conversion
      return (cursor) => this.#plain(raise(read(cursor)))
    }
    if (type.kind === 'long' || type.kind === 'bytes' || type.kind === 'fixed')
      return this.#bigLongs === 'bigint' && type.kind === 'long' ? read : (cursor) => this.#plain(read(cursor))
    return read
  }

  /** Wraps what a branch of a union gives, where that is asked for. */
  inUnion(branch: AvroType, read: ReadValue): ReadValue {
    if (this.#unions === 'plain' || branch.kind === 'null') return read
    const name = typeName(branch)
    return (cursor) => ({ [name]: read(cursor) })
  }

  #plain(value: unknown): unknown {
    if (typeof value === 'bigint') return this.#bigLongs === 'text' ? String(value) : value
    if (!(value instanceof Uint8Array)) return value
    // A copy: the data may be reused, and a view keeps all of it in memory.
    return this.#bytes === 'bytes' ? value.slice() : textOfBytes(value, this.#bytes)
  }

  #recordReader(type: AvroRecord): ReadValue {
    const names = type.fields.map(({ name }) => name)
    const readers = type.fields.map((field) => this.readerOf(field.type))
    const isOdd = names.includes('__proto__')
    const count = names.length
    return (cursor) => {
      cursor.enter()
      const record: Record<string, unknown> = {}
      let i = 0
      try {
        for (; i < count; i++) {
          const value = (readers[i] as ReadValue)(cursor)
          if (isOdd) setKey(record, names[i] as string, value)
          else record[names[i] as string] = value
        }
      } catch (error) {
        throw errorWithin(error, names[i] as string)
      }
      cursor.leave()
      return record
    }
  }
}

/** Makes the reader of a type that is neither made of others nor looked up: without logical types. */
export function primitiveReader(type: AvroType): ReadValue {
  switch (type.kind) {
    case 'null':
      return () => null
    case 'boolean':
      return (cursor) => cursor.boolean()
    case 'int':
      return (cursor) => cursor.int()
    case 'long':
      return (cursor) => cursor.long()
    case 'float':
      return (cursor) => cursor.float()
    case 'double':
      return (cursor) => cursor.double()
    case 'string':
      return (cursor) => cursor.text()
    case 'bytes':
      return (cursor) => cursor.view(cursor.size())
    case 'fixed': {
      const { size } = type
      return (cursor) => cursor.view(size)
    }
    default:
      throw schemaError(type.at, `${type.kind} is no primitive type`)
  }
}

/** Makes the reader of a list out of that of its items, which may be another type than the data's. */
export function listReader(type: AvroArray, read: ReadValue): ReadValue {
  const least = leastBytesOf(type.items)
  return (cursor) => {
    const list: unknown[] = []
    try {
      for (let count = cursor.block(least); count > 0; count = cursor.block(least))
        for (let i = 0; i < count; i++) list.push(read(cursor))
    } catch (error) {
      throw errorWithin(error, list.length)
    }
    return list
  }
}

/** Makes the reader of a map out of that of its values. */
export function mapReader({ values }: AvroMap, read: ReadValue): ReadValue {
  const least = leastBytesOf(values) + 1
  return (cursor) => {
    const map: Record<string, unknown> = {}
    let key = ''
    try {
      for (let count = cursor.block(least); count > 0; count = cursor.block(least))
        for (let i = 0; i < count; i++) {
          key = cursor.text()
          setKey(map, key, read(cursor))
        }
    } catch (error) {
      throw errorWithin(error, key)
    }
    return map
  }
}

/** Makes the reader of a union out of those of its branches. */
export function unionReader(type: AvroUnion, readers: readonly ReadValue[]): ReadValue {
  return (cursor) => {
    const index = cursor.long()
    const read = readers[index as number]
    if (read === undefined)
      throw valueError(type.at, `expected the number of one of ${readers.length} branches, got ${index}`)
    return read(cursor)
  }
}

/** Reads a symbol of an enum by its number. */
export function symbolOf(cursor: ByteCursor, symbols: readonly string[], at: string): string {
  const index = cursor.int()
  const symbol = symbols[index]
  if (symbol === undefined)
    throw valueError(at, `expected the number of one of ${symbols.length} symbols, got ${index}`)
  return symbol
}

/** Makes functions that pass over values. */
export class SkipMaker {
  readonly #records = new Map<AvroRecord, { skip: SkipValue }>()

  /** Makes the function that passes over a type. */
  skipperOf(type: AvroType): SkipValue {
    switch (type.kind) {
      case 'record': {
        const known = this.#records.get(type)
        if (known !== undefined) return (cursor) => known.skip(cursor)
        const box: { skip: SkipValue } = { skip: () => {} }
        this.#records.set(type, box)
        const skips = type.fields.map((field) => this.skipperOf(field.type))
        return (box.skip = (cursor) => {
          cursor.enter()
          for (const skip of skips) skip(cursor)
          cursor.leave()
        })
      }
      case 'array':
        return blockSkipper(leastBytesOf(type.items), this.skipperOf(type.items))
      case 'map': {
        const skip = this.skipperOf(type.values)
        return blockSkipper(leastBytesOf(type.values) + 1, (cursor) => {
          cursor.skip(cursor.size())
          skip(cursor)
        })
      }
      case 'union': {
        const skips = type.branches.map((branch) => this.skipperOf(branch))
        return unionReader(type, skips)
      }
      case 'enum':
        return (cursor) => void cursor.int()
      default:
        return primitiveSkipper(type)
    }
  }
}

function primitiveSkipper(type: Exclude<AvroType, AvroRecord | AvroUnion> | AvroPrimitive): SkipValue {
  switch (type.kind) {
    case 'float':
      return (cursor) => cursor.skip(4)
    case 'double':
      return (cursor) => cursor.skip(8)
    case 'string':
    case 'bytes':
      return (cursor) => cursor.skip(cursor.size())
    default: {
      const read = primitiveReader(type)
      return (cursor) => void read(cursor)
    }
  }
}

function blockSkipper(least: number, skip: SkipValue): SkipValue {
  return (cursor) => {
    for (let count = cursor.skipBlock(least); count > 0; count = cursor.skipBlock(least))
      for (let i = 0; i < count; i++) skip(cursor)
  }
}

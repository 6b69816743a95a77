import { AvroError, errorWithin, schemaError, valueError } from './avro-error.ts'
import { ByteCursor, textOf } from './byte-cursor.ts'
import {
  type DecodeOptions,
  listReader,
  mapReader,
  primitiveReader,
  ReaderMaker,
  type ReadValue,
  setKey,
  SkipMaker,
  type SkipValue,
  unionReader,
} from './decode.ts'
import { defaultBytes } from './encode.ts'
import {
  type AvroEnum,
  type AvroField,
  type AvroRecord,
  type AvroType,
  type AvroUnion,
  shortName,
  typeName,
} from './schema.ts'

const encoder = new TextEncoder()
/** What a reader's type may also be read from (Avro 1.12.0, "Schema Resolution"). */
const promotions: Readonly<Record<string, readonly AvroType['kind'][]>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  string: ['bytes'],
  bytes: ['string'],
}
/** Bounds of what is ours: the bytes of a default. */
const unbound = { maxDepth: 1_000, maxEmptyItems: 1_000_000 }

interface Pair {
  readonly writer: AvroType
  readonly reader: AvroType
  readonly box: { read: ReadValue }
}

/** Makes readers of data that was written with one schema and is wanted in another. */
export class ResolvingReaderMaker {
  readonly #readers: ReaderMaker
  readonly #skips = new SkipMaker()
  /** The pairs of records that have a reader, or get one now. */
  readonly #pairs: Pair[] = []

  constructor(options: DecodeOptions) {
    this.#readers = new ReaderMaker(options)
  }

  /**
   * Makes the reader of a pair of types.
   *
   * @param writer the type that the data has
   * @param reader the type that is wanted
   * @throws {SluicewayError} avro_schema_invalid when no data of the one is data of the other
   * @returns a function that reads; it throws where only this data does not fit, as a branch of a union
   */
  readerOf(writer: AvroType, reader: AvroType): ReadValue {
    if (writer.kind === 'union') return this.#ofWriterUnion(writer, reader)
    if (reader.kind === 'union') return this.#intoUnion(writer, reader)
    if (writer.kind !== reader.kind) return this.#promoted(writer, reader)
    if (!sameLogicalType(writer, reader))
      throw unreadable(writer, reader, `${writer.logical?.name} is not ${reader.logical?.name} of the same digits`)
    switch (writer.kind) {
      case 'record': {
        const wanted = reader as AvroRecord
        return this.#ofRecords(writer, wanted)
      }
      case 'array':
        return listReader(writer, this.readerOf(writer.items, (reader as typeof writer).items))
      case 'map':
        return mapReader(writer, this.readerOf(writer.values, (reader as typeof writer).values))
      case 'enum':
        return this.#ofEnums(writer, reader as AvroEnum)
      case 'fixed':
        checkNames(writer, reader)
        if (writer.size !== (reader as typeof writer).size) throw unreadable(writer, reader, 'their sizes differ')
        return this.#readers.raise(reader, primitiveReader(writer))
      default:
        return this.#readers.raise(reader, primitiveReader(writer))
    }
  }

  #promoted(writer: AvroType, reader: AvroType): ReadValue {
    if (promotions[reader.kind]?.includes(writer.kind) !== true) throw unreadable(writer, reader)
    const read = primitiveReader(writer)
    const promote: Readonly<Record<string, (value: unknown) => unknown>> = {
      long: (value) => value,
      float: (value) => Math.fround(Number(value)),
      double: Number,
      string: (value) => textOf(value as Uint8Array),
      bytes: (value) => encoder.encode(value as string),
    }
    const into = promote[reader.kind] as (value: unknown) => unknown
    return this.#readers.raise(reader, (cursor) => into(read(cursor)))
  }

  #ofEnums(writer: AvroEnum, reader: AvroEnum): ReadValue {
    checkNames(writer, reader)
    const known = new Set(reader.symbols)
    const symbols = writer.symbols.map((symbol) => (known.has(symbol) ? symbol : reader.fallback))
    return (cursor) => {
      const index = cursor.int()
      const symbol = symbols[index]
      if (symbol !== undefined) return symbol
      throw valueError(reader.at, `expected a symbol of ${reader.name}, got ${writer.symbols[index] ?? index}`)
    }
  }

  #ofWriterUnion(writer: AvroUnion, reader: AvroType): ReadValue {
    const failures: unknown[] = []
    const readers = writer.branches.map((branch): ReadValue => {
      const found = this.#attempt(branch, reader)
      if (typeof found === 'function') return found
      failures.push(found)
      // Only data of this branch cannot be read.
      return () => {
        throw valueError(reader.at, found.problem)
      }
    })
    if (failures.length === readers.length) throw failures[0]
    return unionReader(writer, readers)
  }

  #intoUnion(writer: AvroType, reader: AvroUnion): ReadValue {
    const same = reader.branches.filter((branch) => isSame(writer, branch))
    for (const branch of [...same, ...reader.branches.filter((one) => !same.includes(one))]) {
      const found = this.#attempt(writer, branch)
      if (typeof found === 'function') return this.#readers.inUnion(branch, found)
    }
    throw unreadable(writer, reader, 'no branch of the union fits')
  }

  /** Gives a reader or what is in its way, and forgets what was made for it then. */
  #attempt(writer: AvroType, reader: AvroType): ReadValue | AvroError {
    const before = this.#pairs.length
    try {
      return this.readerOf(writer, reader)
    } catch (thrown) {
      if (!(thrown instanceof AvroError)) throw thrown
      this.#pairs.length = before
      return thrown
    }
  }

  #ofRecords(writer: AvroRecord, reader: AvroRecord): ReadValue {
    const known = this.#pairs.find((pair) => pair.writer === writer && pair.reader === reader)
    if (known !== undefined) return (cursor) => known.box.read(cursor)
    checkNames(writer, reader)
    const box: { read: ReadValue } = { read: () => undefined }
    this.#pairs.push({ writer, reader, box })
    return (box.read = this.#recordReader(writer, reader))
  }

  #recordReader(writer: AvroRecord, reader: AvroRecord): ReadValue {
    const sources = new Map<string, AvroField>()
    for (const field of reader.fields) {
      const names = new Set([field.name, ...field.aliases])
      const matches = writer.fields.filter(({ name }) => names.has(name))
      const own = matches.find(({ name }) => name === field.name)
      if (own === undefined && matches.length > 1)
        throw schemaError(
          field.at,
          `has aliases for several fields of the data: ${matches.map(({ name }) => name).join(', ')}`,
        )
      const match = own ?? matches[0]
      if (match !== undefined) sources.set(field.name, match)
    }
    const steps = writer.fields.map((written): { names: string[]; read: ReadValue | undefined; skip: SkipValue } => {
      const wanted = reader.fields.filter(({ name }) => sources.get(name) === written)
      const [field] = wanted
      return {
        names: wanted.map(({ name }) => name),
        read: field === undefined ? undefined : this.readerOf(written.type, field.type),
        skip: this.#skips.skipperOf(written.type),
      }
    })
    const shared = steps.find(({ names }) => names.length > 1)
    if (shared !== undefined)
      throw schemaError(reader.at, `has several fields for one of the data: ${shared.names.join(', ')}`)
    const absent = reader.fields.filter(({ name }) => !sources.has(name)).map((field) => this.#fallbackOf(field))
    return (cursor) => {
      cursor.enter()
      // In the order of the reader's fields, so that all records of a type look the same.
      const record: Record<string, unknown> = {}
      for (const { name } of reader.fields) setKey(record, name, undefined)
      let i = 0
      try {
        for (; i < steps.length; i++) {
          const { names, read, skip } = steps[i] as (typeof steps)[number]
          if (read === undefined) skip(cursor)
          else setKey(record, names[0] as string, read(cursor))
        }
      } catch (error) {
        throw errorWithin(error, (writer.fields[i] as AvroField).name)
      }
      for (const { name, make } of absent) setKey(record, name, make())
      cursor.leave()
      return record
    }
  }

  #fallbackOf({ name, type, fallback, at }: AvroField): { name: string; make: () => unknown } {
    if (fallback === undefined) throw schemaError(at, `the data has no field "${name}", and the field has no default`)
    const bytes = defaultBytes(type, fallback.json, at)
    const read = this.#readers.readerOf(type)
    return { name, make: () => read(new ByteCursor(bytes, unbound)) }
  }
}

const isSame = (writer: AvroType, branch: AvroType): boolean =>
  writer.kind === branch.kind && typeName(writer) === typeName(branch)

/** Annotations must agree where both have one: days are no milliseconds. */
const sameLogicalType = ({ logical: a }: AvroType, { logical: b }: AvroType): boolean =>
  a === undefined || b === undefined || (a.name === b.name && a.scale === b.scale)

function checkNames(writer: AvroType, reader: AvroType): void {
  const aliases = 'aliases' in reader ? reader.aliases : []
  const name = typeName(writer)
  if (shortName(name) !== shortName(typeName(reader)) && !aliases.includes(name))
    throw unreadable(writer, reader, 'their names differ, and no alias says that they are the same')
}

const describe = (type: AvroType): string =>
  type.kind === typeName(type) ? type.kind : `${type.kind} ${typeName(type)}`

function unreadable(writer: AvroType, reader: AvroType, why?: string): AvroError {
  return schemaError(
    reader.at,
    `data of ${describe(writer)} cannot be read as ${describe(reader)}${why === undefined ? '' : `: ${why}`}`,
  )
}

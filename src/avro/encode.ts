import { isRecord } from '../core/json.ts'
import { errorWithin, schemaError, showValue, valueError } from './avro-error.ts'
import { ByteSink } from './byte-sink.ts'
import { conversionOf } from './conversion.ts'
import { FitJudge } from './fit.ts'
import { type BytesText, bytesOf, scalarWriters, type WriteScalar } from './scalars.ts'
import { type AvroArray, type AvroField, type AvroMap, type AvroRecord, type AvroType, typeName } from './schema.ts'
import { makeUnionWriter } from './union-writer.ts'

/** How values are read that are to be encoded. */
export interface EncodeOptions {
  /**
   * How the value of a union is given: as it is (`plain`), by the name of its branch, as Avro-JSON has it (`wrapped`:
   * `{"string":"Ada"}`), or in any of both ways (`either`, the default).
   */
  readonly unions?: 'either' | 'plain' | 'wrapped'
  /** How bytes are given as text: `latin1` (the default) has a character for each byte, as Avro-JSON. */
  readonly bytes?: BytesText
  /** False takes values of logical types in their underlying form alone: days for a date. */
  readonly logicalTypes?: boolean
  /** What becomes of fields that the schema does not have: `ignore` (the default) leaves them out, `refuse` is an error. */
  readonly extraFields?: 'ignore' | 'refuse'
  /** Records within each other; 100 unless said otherwise. */
  readonly maxDepth?: number
}

/** The options with their defaults; `first` takes the first branch that fits, as defaults of a schema do. */
export type WriterRules = Omit<Required<EncodeOptions>, 'unions'> & {
  readonly unions: 'either' | 'plain' | 'wrapped' | 'first'
}

/** Writes a value into a sink; throws an AvroError when it does not fit. */
export type WriteValue = (sink: ByteSink, value: unknown) => void

/** A field whose name every object has from its prototype must be looked up as its own. */
const inherited = (name: string): boolean => name in Object.prototype

/**
 * Makes the writers of a schema's types: closures that call each other, made once.
 *
 * Nothing is compiled from text, so that it works where that is forbidden.
 */
export class WriterMaker {
  readonly options: WriterRules
  readonly fits: FitJudge
  readonly #scalars: Readonly<Record<string, WriteScalar>>
  readonly #records = new Map<AvroRecord, { write: WriteValue }>()

  constructor({
    unions = 'either',
    bytes = 'latin1',
    logicalTypes = true,
    extraFields = 'ignore',
    maxDepth = 100,
  }: Partial<WriterRules>) {
    this.options = { unions, bytes, logicalTypes, extraFields, maxDepth }
    this.fits = new FitJudge(this.options)
    this.#scalars = scalarWriters(bytes)
  }

  /**
   * Makes the writer of a type.
   *
   * @throws {SluicewayError} avro_schema_invalid when a default does not fit its type
   * @returns a function that writes a value, or throws an AvroError that names the field
   */
  writerOf(type: AvroType): WriteValue {
    const plain = this.#plainWriterOf(type)
    const conversion = this.options.logicalTypes ? conversionOf(type) : undefined
    if (conversion === undefined) return plain
    const { name, lower } = conversion
    return (sink, value) => {
      const raw = lower(value)
      if (raw === undefined) throw valueError(type.at, `expected ${name}, got ${showValue(value)}`)
      plain(sink, raw)
    }
  }

  #plainWriterOf(type: AvroType): WriteValue {
    switch (type.kind) {
      case 'record': {
        const known = this.#records.get(type)
        // Its writer is not there yet while its own fields are looked at.
        if (known !== undefined) return (sink, value) => known.write(sink, value)
        const box = { write: (_: ByteSink, __: unknown): void => {} }
        this.#records.set(type, box)
        return (box.write = this.#recordWriter(type))
      }
      case 'array':
        return this.#arrayWriter(type)
      case 'map':
        return this.#mapWriter(type)
      case 'union':
        return makeUnionWriter(type, this)
      case 'enum': {
        const indexes = new Map(type.symbols.map((symbol, i) => [symbol, i]))
        return (sink, value) => {
          const index = indexes.get(value as string)
          if (index === undefined)
            throw valueError(
              type.at,
              `expected a symbol of ${type.name} (${listOf(type.symbols)}), got ${showValue(value)}`,
            )
          sink.long(index)
        }
      }
      case 'fixed':
        return (sink, value) => {
          const bytes = bytesOf(value, this.options.bytes)
          if (bytes === undefined || bytes.length !== type.size)
            throw valueError(type.at, `expected ${type.size} bytes (${type.name}), got ${showValue(value)}`)
          sink.bytes(bytes)
        }
      default: {
        const write = this.#scalars[type.kind] as WriteScalar
        return (sink, value) => {
          if (!write(sink, value))
            throw valueError(type.at, `expected ${type.kind}, got ${showValue(value)}${hintOf(type.kind, value)}`)
        }
      }
    }
  }

  #recordWriter(type: AvroRecord): WriteValue {
    const { maxDepth, extraFields } = this.options
    const names = type.fields.map(({ name }) => name)
    const known = new Set(names)
    const writers = type.fields.map((field) => this.writerOf(field.type))
    const absent = type.fields.map((field) => this.#absentWriter(field))
    const own = names.map(inherited)
    const count = names.length
    return (sink, value) => {
      if (!isRecord(value)) throw valueError(type.at, `expected ${type.name} (a record), got ${showValue(value)}`)
      if (++sink.depth > maxDepth) throw valueError(type.at, `records are nested more than ${maxDepth} levels deep`)
      let i = 0
      try {
        for (; i < count; i++) {
          const name = names[i] as string
          const field = own[i] === true && !Object.hasOwn(value, name) ? undefined : value[name]
          if (field === undefined) (absent[i] as (sink: ByteSink) => void)(sink)
          else (writers[i] as WriteValue)(sink, field)
        }
      } catch (error) {
        throw errorWithin(error, names[i] as string)
      }
      if (extraFields === 'refuse')
        for (const key of Object.keys(value))
          if (!known.has(key)) throw valueError(type.at, `${type.name} has no such field`).within(key)
      sink.depth--
    }
  }

  /** Writes what stands for a field that the value does not have: its default, else null where the schema takes it. */
  #absentWriter({ type, fallback, at, name }: AvroField): (sink: ByteSink) => void {
    if (fallback !== undefined) {
      const bytes = defaultBytes(type, fallback.json, at)
      return (sink) => sink.bytes(bytes)
    }
    const index = type.kind === 'union' ? type.branches.findIndex(({ kind }) => kind === 'null') : -1
    if (index !== -1) return (sink) => sink.long(index)
    if (type.kind === 'null') return () => {}
    return () => {
      throw valueError(type.at, `is missing: ${name} is ${typeName(type)}, and has no default`)
    }
  }

  #arrayWriter(type: AvroArray): WriteValue {
    const write = this.writerOf(type.items)
    return (sink, value) => {
      if (!Array.isArray(value)) throw valueError(type.at, `expected an array, got ${showValue(value)}`)
      const { length } = value
      if (length > 0) {
        sink.long(length)
        let i = 0
        try {
          for (; i < length; i++) write(sink, value[i])
        } catch (error) {
          throw errorWithin(error, i)
        }
      }
      sink.byte(0)
    }
  }

  #mapWriter(type: AvroMap): WriteValue {
    const write = this.writerOf(type.values)
    return (sink, value) => {
      if (!isRecord(value)) throw valueError(type.at, `expected a map, got ${showValue(value)}`)
      const keys = Object.keys(value)
      if (keys.length > 0) {
        sink.long(keys.length)
        let i = 0
        try {
          for (; i < keys.length; i++) {
            const key = keys[i] as string
            sink.text(key)
            write(sink, value[key])
          }
        } catch (error) {
          throw errorWithin(error, keys[i] as string)
        }
      }
      sink.byte(0)
    }
  }
}

/**
 * Encodes the default of a field.
 *
 * Its bytes and logical types are in their underlying form. A union's is that of its first branch, or, since Avro 1.12, of the
 * first that it fits.
 *
 * @param type of the field
 * @param json as the schema has it
 * @param at where the field stands in the schema
 * @throws {SluicewayError} avro_schema_invalid when it does not fit
 * @returns the bytes that stand for a field that is not there
 */
export function defaultBytes(type: AvroType, json: unknown, at: string): Uint8Array {
  const sink = new ByteSink()
  try {
    new WriterMaker({ unions: 'first', logicalTypes: false }).writerOf(type)(sink, json)
  } catch (thrown) {
    throw schemaError(`${at}/default`, `the default does not fit: ${(thrown as Error).message}`)
  }
  return sink.take()
}

const listOf = (symbols: readonly string[]): string =>
  symbols.length <= 8 ? symbols.join(', ') : `${symbols.slice(0, 8).join(', ')}, …`

function hintOf(kind: string, value: unknown): string {
  if (kind === 'long' && typeof value === 'number' && Number.isInteger(value))
    return ', which may have lost digits: give a bigint, or the text of its digits'
  if (kind === 'int' && longOfKind(value)) return ', which has more than 32 bits'
  return kind === 'bytes' && typeof value === 'string' ? ', which is no text of bytes' : ''
}

const longOfKind = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value)

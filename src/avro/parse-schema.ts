import { isRecord } from '../core/json.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { reasonOf } from '../core/errors.ts'
import { schemaError } from './avro-error.ts'
import { logicalTypeIn } from './logical-type.ts'
import {
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroRecord,
  type AvroType,
  type NamedType,
  type PrimitiveName,
  typeName,
} from './schema.ts'

/** Levels of a schema within each other: deeper ones would use up the stack. */
const deepest = 100
const primitives: ReadonlySet<string> = new Set<PrimitiveName>([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
])
const simpleName = /^[A-Za-z_][A-Za-z0-9_]*$/
const fullName = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/

type Json = Readonly<Record<string, unknown>>
type Draft<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Parses a schema of Avro 1.12, and of every version before.
 *
 * Attributes that the specification does not know are ignored, and so are logical types that are not valid. Defaults are kept as
 * they are: an encoder, or a reader that needs them, checks them.
 *
 * @param source the schema as JSON text, or as the value that such a text parses to
 * @param known types of other schemas that this one refers to, by full name; see `namedTypesOf`
 * @returns the parsed schema
 * @throws {SluicewayError} avro_schema_invalid, an `AvroError` with the place in the schema
 * @example parseSchema('{"type":"record","name":"Order","fields":[{"name":"total","type":"double"}]}')
 */
export function parseSchema(source: unknown, known: ReadonlyMap<string, NamedType> = new Map()): AvroType {
  let json = source
  if (typeof source === 'string' && !primitives.has(source))
    try {
      json = parseJsonKeepingDigits(source)
    } catch (thrown) {
      throw schemaError('', `is no JSON: ${reasonOf(thrown)}`)
    }
  return new Parser(known).parse(json, { at: '', namespace: '', depth: 0 })
}

interface Place {
  readonly at: string
  readonly namespace: string
  readonly depth: number
}

class Parser {
  readonly #known: ReadonlyMap<string, NamedType>
  readonly #own = new Map<string, NamedType>()

  constructor(known: ReadonlyMap<string, NamedType>) {
    this.#known = known
  }

  parse(json: unknown, place: Place): AvroType {
    const { at, depth } = place
    if (depth > deepest) throw schemaError(at, `is nested more than ${deepest} levels deep`)
    if (typeof json === 'string') return this.#byName(json, place)
    if (Array.isArray(json)) return this.#union(json, place)
    if (!isRecord(json)) throw schemaError(at, 'must be a name, a list, or an object with "type"')
    const { type } = json
    if (typeof type !== 'string') {
      if (type === undefined) throw schemaError(at, 'has no "type"')
      return this.parse(type, inside(place, 'type'))
    }
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(json, place)
      case 'enum':
        return this.#enum(json, place)
      case 'fixed':
        return this.#fixed(json, place)
      case 'array':
        if (json['items'] === undefined) throw schemaError(at, 'is an array without "items"')
        return { kind: 'array', at, items: this.parse(json['items'], inside(place, 'items')) }
      case 'map':
        if (json['values'] === undefined) throw schemaError(at, 'is a map without "values"')
        return { kind: 'map', at, values: this.parse(json['values'], inside(place, 'values')) }
      default: {
        const named = this.#byName(type, place)
        const logical = primitives.has(named.kind) ? logicalTypeIn(json, named) : undefined
        return logical === undefined ? named : { ...named, logical }
      }
    }
  }

  #byName(name: string, { at, namespace }: Place): AvroType {
    if (primitives.has(name)) return { kind: name as PrimitiveName, at }
    const own = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
    const found = [own, name].map((one) => this.#own.get(one) ?? this.#known.get(one)).find((one) => one !== undefined)
    if (found !== undefined) return found
    if (['record', 'error', 'enum', 'fixed', 'array', 'map'].includes(name))
      throw schemaError(at, `"${name}" needs an object of its own: {"type":"${name}",…}`)
    throw schemaError(at, `there is no type "${own}" (a type must be defined before it is named)`)
  }

  #union(list: readonly unknown[], place: Place): AvroType {
    const { at } = place
    if (list.length === 0) throw schemaError(at, 'is a union without a branch')
    const branches = list.map((one, i) => this.parse(one, inside(place, i)))
    const names = new Set<string>()
    for (const branch of branches) {
      if (branch.kind === 'union') throw schemaError(at, 'is a union directly within a union')
      const name = typeName(branch)
      if (names.has(name)) throw schemaError(at, `has two branches "${name}"; a union may have one of each`)
      names.add(name)
    }
    return { kind: 'union', at, branches }
  }

  #record(json: Json, place: Place): AvroRecord {
    const { at } = place
    const { fields } = json
    if (!Array.isArray(fields)) throw schemaError(at, 'is a record without a list of "fields"')
    const record: Draft<AvroRecord> = { ...this.#nameIn(json, place), kind: 'record', at, fields: [] }
    // Before its fields: they may name it.
    this.#add(record, at)
    const within = { ...place, namespace: namespaceOf(record.name) }
    record.fields = fields.map((field, i) => this.#field(field, inside(within, `fields/${i}`)))
    const names = new Set<string>()
    for (const { name, at } of record.fields) {
      if (names.has(name)) throw schemaError(at, `"${name}" is the second field of that name`)
      names.add(name)
    }
    return record
  }

  #field(json: unknown, place: Place): AvroField {
    const { at } = place
    if (!isRecord(json)) throw schemaError(at, 'must be an object with "name" and "type"')
    const { name, type } = json
    if (typeof name !== 'string' || !simpleName.test(name))
      throw schemaError(at, `"name" must be letters, digits and "_", not ${JSON.stringify(name)}`)
    if (type === undefined) throw schemaError(at, `the field "${name}" has no "type"`)
    return {
      name,
      aliases: textsIn(json, 'aliases', at),
      type: this.parse(type, inside(place, 'type')),
      at,
      ...(json['default'] === undefined ? {} : { fallback: { json: json['default'] } }),
    }
  }

  #enum(json: Json, place: Place): AvroEnum {
    const { at } = place
    if (!Array.isArray(json['symbols'])) throw schemaError(at, 'is an enum without a list of "symbols"')
    const symbols = textsIn(json, 'symbols', at)
    const seen = new Set<string>()
    for (const symbol of symbols) {
      if (!simpleName.test(symbol)) throw schemaError(at, `the symbol ${JSON.stringify(symbol)} is no name`)
      if (seen.has(symbol)) throw schemaError(at, `has the symbol "${symbol}" twice`)
      seen.add(symbol)
    }
    const fallback = json['default']
    if (fallback !== undefined && (typeof fallback !== 'string' || !seen.has(fallback)))
      throw schemaError(at, `"default" must be one of its symbols, not ${JSON.stringify(fallback)}`)
    const type: AvroEnum = {
      ...this.#nameIn(json, place),
      kind: 'enum',
      at,
      symbols,
      ...(fallback === undefined ? {} : { fallback }),
    }
    return this.#add(type, at)
  }

  #fixed(json: Json, place: Place): AvroFixed {
    const { at } = place
    const { size } = json
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > 0x7fffffff)
      throw schemaError(at, '"size" of a fixed must be a whole number of bytes')
    const type: AvroFixed = { ...this.#nameIn(json, place), kind: 'fixed', at, size }
    const logical = logicalTypeIn(json, type)
    return this.#add(logical === undefined ? type : { ...type, logical }, at)
  }

  #nameIn(json: Json, { at, namespace }: Place): { name: string; aliases: readonly string[] } {
    const { name, namespace: own } = json
    if (typeof name !== 'string' || !fullName.test(name))
      throw schemaError(at, `"name" must be letters, digits and "_", not ${JSON.stringify(name)}`)
    if (own !== undefined && own !== null && (typeof own !== 'string' || (own !== '' && !fullName.test(own))))
      throw schemaError(at, `"namespace" must be names with dots between, not ${JSON.stringify(own)}`)
    const full = qualify(name, typeof own === 'string' ? own : namespace)
    if (primitives.has(full)) throw schemaError(at, `a type cannot have the name "${full}"`)
    const aliases = textsIn(json, 'aliases', at).map((alias) => qualify(alias, namespaceOf(full)))
    return { name: full, aliases }
  }

  #add<T extends NamedType>(type: T, at: string): T {
    if (this.#own.has(type.name) || this.#known.has(type.name))
      throw schemaError(at, `"${type.name}" is defined twice; name it the second time`)
    this.#own.set(type.name, type)
    return type
  }
}

const inside = ({ at, namespace, depth }: Place, step: string | number): Place => ({
  at: `${at}/${step}`,
  namespace,
  depth: depth + 1,
})

const namespaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')))
const qualify = (name: string, namespace: string): string =>
  name.includes('.') || namespace === '' ? name : `${namespace}.${name}`

function textsIn(json: Json, key: string, at: string): readonly string[] {
  const list = json[key] ?? []
  if (Array.isArray(list) && list.every((one) => typeof one === 'string')) return list
  throw schemaError(at, `"${key}" must be a list of names`)
}

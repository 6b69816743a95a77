/** What a value with this name means beyond its underlying type. */
export type LogicalName =
  | 'decimal'
  | 'big-decimal'
  | 'date'
  | 'time-millis'
  | 'time-micros'
  | 'timestamp-millis'
  | 'timestamp-micros'
  | 'timestamp-nanos'
  | 'local-timestamp-millis'
  | 'local-timestamp-micros'
  | 'local-timestamp-nanos'
  | 'uuid'
  | 'duration'

/** A logical type whose annotation is valid; others are ignored, as the specification asks. */
export interface LogicalType {
  readonly name: LogicalName
  /** Digits of a `decimal`; 0 for others. */
  readonly precision: number
  /** Digits behind the point of a `decimal`; 0 for others. */
  readonly scale: number
}

interface Position {
  /** Where it stands in the schema: a JSON pointer, empty for the root. */
  readonly at: string
  readonly logical?: LogicalType
}

interface Named extends Position {
  /** With the namespace, if there is one. */
  readonly name: string
  /** Full names. */
  readonly aliases: readonly string[]
}

/** Names of the types that need no definition. */
export type PrimitiveName = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

/** A type that needs no definition. */
export interface AvroPrimitive extends Position {
  readonly kind: PrimitiveName
}

/** One field of a record. */
export interface AvroField {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: AvroType
  readonly at: string
  /** There when the field has a default: JSON, in the form in which the schema has it. */
  readonly fallback?: { readonly json: unknown }
}

/** A record; `error` counts as one. */
export interface AvroRecord extends Named {
  readonly kind: 'record'
  readonly fields: readonly AvroField[]
}

/** A choice of symbols. */
export interface AvroEnum extends Named {
  readonly kind: 'enum'
  readonly symbols: readonly string[]
  /** The symbol that stands for those a reader does not know. */
  readonly fallback?: string
}

/** Bytes of one length. */
export interface AvroFixed extends Named {
  readonly kind: 'fixed'
  /** Bytes. */
  readonly size: number
}

/** A list. */
export interface AvroArray extends Position {
  readonly kind: 'array'
  readonly items: AvroType
}

/** Values by text. */
export interface AvroMap extends Position {
  readonly kind: 'map'
  readonly values: AvroType
}

/** One of several types. */
export interface AvroUnion extends Position {
  readonly kind: 'union'
  readonly branches: readonly AvroType[]
}

/** A type that has a name, by which others may refer to it. */
export type NamedType = AvroRecord | AvroEnum | AvroFixed

/** A parsed schema: a graph without names to look up. A recursive record holds itself. */
export type AvroType = AvroPrimitive | NamedType | AvroArray | AvroMap | AvroUnion

/** The name by which a union in Avro-JSON, and an error, calls a type. */
export const typeName = (type: AvroType): string => ('name' in type ? type.name : type.kind)

/** The name without its namespace. */
export const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/**
 * Lists every named type of a schema.
 *
 * @param root a parsed schema
 * @returns the types by their full names, in the order of their definition; what other schemas may refer to
 */
export function namedTypesOf(root: AvroType): Map<string, NamedType> {
  const found = new Map<string, NamedType>()
  const visit = (type: AvroType): void => {
    if ('name' in type) {
      if (found.has(type.name)) return
      found.set(type.name, type)
    }
    if (type.kind === 'record') for (const field of type.fields) visit(field.type)
    else if (type.kind === 'array') visit(type.items)
    else if (type.kind === 'map') visit(type.values)
    else if (type.kind === 'union') type.branches.forEach(visit)
  }
  visit(root)
  return found
}

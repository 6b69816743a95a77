import { SluicewayError } from '../core/errors.ts'

/** Characters of a value that an error shows. */
const shownCharacters = 60

/**
 * A schema or a value that cannot be used: says which field, and where the schema asks for something else.
 *
 * Its code is `avro_schema_invalid` or `avro_value_invalid`.
 */
export class AvroError extends SluicewayError {
  /** What is wrong, without the places. */
  readonly problem: string
  /** Where in the schema: a JSON pointer, empty for the root. */
  readonly schemaPath: string
  /** Where in the value, as `properties.items[2].price`; empty for the whole. */
  path = ''

  constructor(code: 'avro_schema_invalid' | 'avro_value_invalid', problem: string, schemaPath: string) {
    super(code, textOf(code, '', problem, schemaPath), { details: { schemaPath } })
    this.name = 'AvroError'
    this.problem = problem
    this.schemaPath = schemaPath
  }

  /** Puts a field, or the index of an item, in front of the path: each level does, on the way up. */
  within(key: string | number): this {
    const step = stepOf(key)
    this.path = this.path === '' || this.path.startsWith('[') ? step + this.path : `${step}.${this.path}`
    this.message = textOf(this.code as 'avro_value_invalid', this.path, this.problem, this.schemaPath)
    return this
  }
}

const stepOf = (key: string | number): string =>
  typeof key === 'number' ? `[${key}]` : /^[\w$-]+$/.test(key) ? key : `[${JSON.stringify(cut(key))}]`

function textOf(code: AvroError['code'], path: string, problem: string, schemaPath: string): string {
  const where = schemaPath === '' ? '' : ` (schema ${schemaPath})`
  if (code === 'avro_schema_invalid') return `schema${schemaPath === '' ? '' : ` at ${schemaPath}`}: ${problem}`
  return `${path === '' ? '' : `${path}: `}${problem}${where}`
}

/** Makes the error of a schema that is wrong at a place. */
export const schemaError = (at: string, problem: string): AvroError => new AvroError('avro_schema_invalid', problem, at)

/** Makes the error of a value that does not fit the schema at a place. */
export const valueError = (at: string, problem: string): AvroError => new AvroError('avro_value_invalid', problem, at)

/** Puts a key in front of the path of an error that comes up through it; other errors pass as they are. */
export const errorWithin = (error: unknown, key: string | number): unknown =>
  error instanceof AvroError ? error.within(key) : error

const cut = (text: string): string =>
  text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters).toWellFormed()}…`

/** Shows a value in an error: JSON, cut to 60 characters. Lists and objects are named only. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value))
  if (typeof value === 'bigint') return `${value}`
  if (value === undefined) return 'nothing'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value)
    return keys.length === 0 ? 'an empty object' : `an object with ${cut(keys.slice(0, 5).join(', '))}`
  }
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : typeof value
}

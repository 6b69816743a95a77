import type { AvroFixed, AvroType, LogicalName, LogicalType } from './schema.ts'

/** The types that each logical type may stand on (Avro 1.12.0, "Logical Types"). */
const underlying: Readonly<Record<LogicalName, readonly AvroType['kind'][]>> = {
  decimal: ['bytes', 'fixed'],
  'big-decimal': ['bytes'],
  date: ['int'],
  'time-millis': ['int'],
  'time-micros': ['long'],
  'timestamp-millis': ['long'],
  'timestamp-micros': ['long'],
  'timestamp-nanos': ['long'],
  'local-timestamp-millis': ['long'],
  'local-timestamp-micros': ['long'],
  'local-timestamp-nanos': ['long'],
  uuid: ['string', 'fixed'],
  duration: ['fixed'],
}

/**
 * Reads the logical type of a schema.
 *
 * @param json the schema with its attributes
 * @param type what it was parsed to
 * @returns undefined when there is none, or when it is not valid: the specification says that it is ignored then
 */
export function logicalTypeIn(json: Readonly<Record<string, unknown>>, type: AvroType): LogicalType | undefined {
  const name = json['logicalType']
  if (typeof name !== 'string' || !Object.hasOwn(underlying, name)) return undefined
  if (!underlying[name as LogicalName].includes(type.kind)) return undefined
  const { precision = 0, scale = 0 } = json
  if (name === 'decimal') {
    if (!isWhole(precision) || precision < 1 || !isWhole(scale) || scale < 0 || scale > precision) return undefined
    if (type.kind === 'fixed' && precision > digitsIn(type)) return undefined
    return { name, precision, scale }
  }
  if (name === 'uuid' && type.kind === 'fixed' && type.size !== 16) return undefined
  if (name === 'duration' && (type as AvroFixed).size !== 12) return undefined
  return { name: name as LogicalName, precision: 0, scale: 0 }
}

const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value)

/** Decimal digits that a signed number of so many bytes always holds. */
const digitsIn = ({ size }: AvroFixed): number => Math.floor(Math.log10(2) * (8 * size - 1))

// What Strimzi's bridge refuses before it looks at anything: its OpenAPI schema, as far as the recording shows it.

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Base64 with padding, and not empty: the format `byte`. Only header values are checked by it. */
const byte = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=|[A-Za-z\d+/]{4})$/

const recordFields = new Set(['key', 'value', 'partition', 'timestamp', 'headers'])

/**
 * Checks the records of a produce call.
 *
 * @param records of the body
 * @param hasPartition whether the path names one
 * @returns sentences in the bridge's words, or undefined
 */
export function recordErrors(records: readonly unknown[], hasPartition: boolean): readonly string[] | undefined {
  const wrong = records.map((record) => recordError(record, hasPartition)).find((error) => error !== undefined)
  return wrong === undefined
    ? undefined
    : [
        'Property "records" does not match schema',
        'Items did not match schema',
        'A subschema had errors',
        wrong,
        'Property "records" does not match additional properties schema',
      ]
}

function recordError(record: unknown, hasPartition: boolean): string | undefined {
  if (!isObject(record)) return `Instance type ${typeof record} is invalid. Expected object`
  const unknown = Object.keys(record).find((name) => !recordFields.has(name) || (name === 'partition' && hasPartition))
  if (unknown !== undefined) return `Property "${unknown}" does not match additional properties schema`
  const { key = '', value, headers = [] } = record
  if (!('value' in record)) return 'Instance does not have required property "value"'
  if (key === null || typeof key === 'number' || typeof key === 'boolean') return 'Property "key" does not match schema'
  if (typeof value === 'number' || typeof value === 'boolean') return 'Property "value" does not match schema'
  const areHeaders =
    Array.isArray(headers) &&
    headers.every(
      (one: unknown) =>
        isObject(one) && typeof one['key'] === 'string' && typeof one['value'] === 'string' && byte.test(one['value']),
    )
  return areHeaders ? undefined : 'Property "headers" does not match schema'
}

const settings: Readonly<Record<string, string>> = {
  name: 'string',
  format: 'string',
  'auto.offset.reset': 'string',
  'fetch.min.bytes': 'number',
  'consumer.request.timeout.ms': 'number',
  'enable.auto.commit': 'boolean',
  'isolation.level': 'string',
}

/** Checks the settings of a new consumer: their spelling and their types. */
export function settingErrors(given: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const wrong = Object.entries(given).find(([name, value]) => settings[name] !== typeof value)
  return wrong === undefined ? undefined : [`Property "${wrong[0]}" does not match additional properties schema`]
}

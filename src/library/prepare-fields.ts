import { isObject, type Json } from './json.ts'
import type { Schema } from './validate-fields.ts'

/**
 * Does what the library does before it validates: drops values that are empty, and makes lists of single values that are to be
 * lists.
 *
 * @param schema what `fieldsToJsonSchema` of the library gives
 * @param payload what the mapping gave; it stays as it is
 * @param dropsEmptyText true to drop empty texts of the first level, as for single events
 * @returns the payload to be validated
 */
export function prepareFields(schema: Schema, payload: Json, dropsEmptyText: boolean): Json {
  const prepared = tidy(schema, payload, dropsEmptyText) as Json
  for (const [name, value] of Object.entries(prepared))
    if (schema.properties?.[name]?.type === 'array' && value !== undefined && value !== null && !Array.isArray(value))
      prepared[name] = [value]
  return prepared
}

function tidy(schema: Schema | undefined, value: unknown, dropsEmptyText: boolean): unknown {
  if (schema?.type === undefined && schema?.enum === undefined) return value
  const types: ReadonlySet<string> = new Set([schema.type ?? []].flat())
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined ? value : value.filter((item: unknown) => tidy(items, item, false) !== undefined)
  }
  if (isObject(value)) {
    const { properties } = schema
    if (properties === undefined) return value
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, raw]) => [name, tidy(properties[name], raw, false)] as const)
        .filter(([, left]) => left !== undefined && !(dropsEmptyText && left === '')),
    )
  }
  const isEmpty = (value === null && !types.has('null')) || (value === '' && !types.has('string'))
  return isEmpty ? undefined : value
}

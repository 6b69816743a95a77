import type { ColumnType, Load } from '../../core/warehouse.ts'

/** UTF-16 units of one message of COPY data. */
const textUnits = 64_000

const special = /[\\\b\f\n\r\t\v\0]/
const escapes: Readonly<Record<string, string>> = {
  '\\': String.raw`\\`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '\0': '',
}
const allSpecial = new RegExp(special, 'g')

/**
 * Writes rows in the text format of COPY, in pieces of bounded size.
 *
 * NULL is `\N`, so that an empty or blank string stays what it is; U+0000 is left out.
 * https://www.postgresql.org/docs/18/sql-copy.html (checked 2026-11-22)
 */
export function* copyTexts(load: Load): Generator<string> {
  const columns = Object.entries(load.columns)
  let text = ''
  for (const row of load.rows) {
    for (let i = 0; i < columns.length; i++) {
      const [name, type] = columns[i] as [string, ColumnType]
      text += i === 0 ? cell(row[name], type) : `\t${cell(row[name], type)}`
    }
    text += '\n'
    if (text.length < textUnits) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

function cell(value: unknown, type: ColumnType): string {
  // A row without the column `constructor` still inherits a function of that name.
  if (value === null || value === undefined || typeof value === 'function') return String.raw`\N`
  let text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (type === 'json') text = storableJson(text)
  return special.test(text) ? text.replace(allSpecial, (unit) => escapes[unit] as string) : text
}

// jsonb refuses the escapes of U+0000 and of half a surrogate pair.
function storableJson(json: string): string {
  if (!/\\u(?:0000|[dD][89a-fA-F])/.test(json)) return json
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed()
  const cleaned = (value: unknown): unknown => {
    if (typeof value === 'string') return clean(value)
    if (Array.isArray(value)) return value.map(cleaned)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [clean(key), cleaned(inner)]))
  }
  return JSON.stringify(cleaned(JSON.parse(json)))
}

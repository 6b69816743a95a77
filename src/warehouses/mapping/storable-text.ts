/** A text without what no engine stores: U+0000, and half a surrogate pair, in whose place U+FFFD is. */
export const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/**
 * JSON text without the escapes of U+0000 and of half a surrogate pair, which engines that read JSON refuse.
 *
 * @param json text of any JSON
 * @returns the same text where it has none
 */
export function storableJson(json: string): string {
  if (!/\\u(?:0000|[dD][89a-fA-F])/.test(json)) return json
  return JSON.stringify(cleaned(JSON.parse(json)))
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), cleaned(inner)]))
}

/**
 * Reads JSON values that stand one after the other, with or without blanks between them, as a v3 produce call answers.
 *
 * @param text what has arrived; a value that is cut off at the end is left out
 * @returns the values that are whole; reading stops at what is no JSON
 */
export function jsonSequence(text: string): unknown[] {
  const values: unknown[] = []
  let depth = 0
  let start = -1
  let isText = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (isText) {
      if (char === '\\') i++
      else if (char === '"') isText = false
    } else if (char === '"') isText = true
    else if (char === '{' || char === '[') {
      if (depth++ === 0) start = i
    } else if ((char === '}' || char === ']') && --depth === 0) {
      try {
        values.push(JSON.parse(text.slice(start, i + 1)))
      } catch {
        return values
      }
    }
  }
  return values
}

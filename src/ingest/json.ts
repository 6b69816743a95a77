import { SluicewayError } from '../core/errors.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'

/**
 * Where strings begin and end, what is escaped in them, and the words that Python writes for numbers that JSON has not. No
 * match looks ahead further than a few characters: a pattern for whole strings takes hours for 4 MB of quotes.
 */
const marks = /\\.|"|-?\b(?:NaN|Infinity)\b/gs

/**
 * Parses the JSON of a request. Integers that a number cannot hold are the text of their digits; bare NaN and Infinity, which
 * Python SDKs send, become null.
 *
 * @returns any JSON value
 * @throws {SluicewayError} invalid_json
 */
export function parseJson(text: string): unknown {
  try {
    return parseJsonKeepingDigits(text)
  } catch (cause) {
    try {
      if (/NaN|Infinity/.test(text)) return parseJsonKeepingDigits(withoutPythonNumbers(text))
    } catch {
      // It is not these words that make it invalid.
    }
    throw new SluicewayError('invalid_json', 'invalid json', { cause })
  }
}

function withoutPythonNumbers(text: string): string {
  let inString = false
  return text.replace(marks, (mark) => {
    if (mark === '"') inString = !inString
    return inString || mark === '"' || mark.startsWith('\\') ? mark : 'null'
  })
}

import { SluicewayError } from '../core/errors.ts'

/** Strings, so that they are stepped over, and the words that Python writes for numbers that JSON has not. */
const pythonNumbers = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/gs

/**
 * Parses the JSON of a request. Bare NaN and Infinity, which Python SDKs send, become null.
 *
 * @throws {SluicewayError} invalid_json
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    try {
      if (/NaN|Infinity/.test(text))
        return JSON.parse(text.replace(pythonNumbers, (token) => (token.startsWith('"') ? token : 'null')))
    } catch {
      // It is not these words that make it invalid.
    }
    throw new SluicewayError('invalid_json', 'invalid json', { cause })
  }
}

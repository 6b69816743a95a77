/** Digits of the smallest integer beyond 2^53, and exponents that may lead beyond what a number holds. */
const suspect = /\d{16}|[eE]\+?\d{3}/

/** A JSON number, from where the last match ended. It is read in texts that were parsed before: it need not check them. */
const number = /-?\d+(\.\d+)?([eE][-+]?\d+)?/y

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const zero = 0x30
const nine = 0x39

/**
 * Parses JSON as `JSON.parse` does, but keeps what a number would lose: an integer beyond ±(2^53 − 1) becomes the text of its
 * digits (`7615917337495251231` is `"7615917337495251231"`), and so does a number too large for any (`1e400`). Fractions and
 * exponents that a number holds, rounded, stay numbers. Takes time in proportion to the text, whatever is in it.
 *
 * @param text JSON, without a byte order mark
 * @returns any JSON value; throws the SyntaxError of `JSON.parse` when the text is none
 */
export function parseJsonKeepingDigits(text: string): unknown {
  // The text itself must be valid: quotes would make JSON of {1e400: 1}.
  const plain: unknown = JSON.parse(text)
  const quoted = suspect.test(text) ? quoteLargeNumbers(text) : undefined
  return quoted === undefined ? plain : JSON.parse(quoted)
}

/** Valid JSON with quotes around numbers that would lose digits; undefined when there are none. */
function quoteLargeNumbers(text: string): string | undefined {
  let quoted = ''
  let copied = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) i = endOfString(text, i)
    else if (code === minus || (code >= zero && code <= nine)) {
      number.lastIndex = i
      const [digits = text.charAt(i), fraction, exponent] = number.exec(text) ?? []
      if (losesDigits(digits, fraction ?? exponent)) {
        quoted += `${text.slice(copied, i)}"${digits}"`
        copied = i + digits.length
      }
      i += digits.length - 1
    }
  }
  return copied === 0 ? undefined : quoted + text.slice(copied)
}

const losesDigits = (digits: string, fraction: string | undefined): boolean =>
  fraction === undefined ? !Number.isSafeInteger(Number(digits)) : !Number.isFinite(Number(digits))

/** Where a string ends that begins at `start`: at the first quote with an even number of backslashes before it. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === backslash) first--
    if ((end - first) % 2 === 0) return end
  }
}

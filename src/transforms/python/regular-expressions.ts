/** Flags of Python's `re`, by their bits. */
const bits = { ignoreCase: 2, multiline: 8, dotAll: 16, verbose: 64, ascii: 256 } as const
const letters: Readonly<Record<string, number>> = { i: 2, m: 8, s: 16, x: 64, a: 256, u: 0, L: 0 }

/** What a pattern of Python is in JavaScript. */
export interface TranslatedPattern {
  readonly source: string
  readonly ignoreCase: boolean
  /** Groups by their names. */
  readonly names: Readonly<Record<string, number>>
  readonly groups: number
}

const longest = 10_000

/**
 * Writes a pattern of Python's `re` as one of JavaScript, for the flag `u`.
 *
 * @param pattern as Python has it
 * @param given bits of flags
 * @throws {SyntaxError} where it has something that JavaScript has not, such as an atomic group
 */
export function translatePattern(pattern: string, given: number): TranslatedPattern {
  if (pattern.length > longest) throw new SyntaxError('the pattern is too long')
  let flags = given
  const leading = /^\(\?([imsxauL]+)\)/.exec(pattern)
  for (const letter of leading?.[1] ?? '') flags |= letters[letter] ?? 0
  const rest = pattern.slice(leading?.[0].length ?? 0)
  const names: Record<string, number> = {}
  let groups = 0
  let source = ''
  let i = 0
  const take = (expression: RegExp): RegExpExecArray | null => {
    const sticky = new RegExp(expression.source, 'uy')
    sticky.lastIndex = i
    const found = sticky.exec(rest)
    if (found !== null) i += found[0].length
    return found
  }
  const has = (bit: number): boolean => (flags & bit) !== 0
  while (i < rest.length) {
    let found: RegExpExecArray | null
    if (has(bits.verbose) && take(/\s+|#[^\n]*/) !== null) continue
    if (take(/\(\?#[^)]*\)/) !== null) continue
    if ((found = take(/\(\?P<(\w+)>/)) !== null) {
      names[found[1] as string] = ++groups
      source += `(?<${found[1]}>`
    } else if ((found = take(/\(\?P=(\w+)\)/)) !== null) source += `\\k<${found[1]}>`
    else if ((found = take(/\(\?(?::|=|!|<=|<!)/)) !== null) source += found[0]
    else if ((found = take(/\(\?([ims]*)(?:-([ims]+))?:/)) !== null) source += found[0]
    else if (rest.startsWith('(?', i)) throw new SyntaxError(`unknown extension ${rest.slice(i, i + 3)}`)
    else if (take(/\(/) !== null) {
      groups++
      source += '('
    } else if ((found = take(/\[(\^?)(\]?(?:\\[\s\S]|[^\\\]])*)\]/)) !== null)
      source += `[${found[1]}${classOf(found[2] as string, has(bits.ascii))}]`
    else if ((found = take(/\\([\s\S])/)) !== null) {
      const { text, taken } = escapeOf(found[1] as string, rest.slice(i), has(bits.ascii))
      source += text
      i += taken
    } else if (take(/\^/) !== null) source += has(bits.multiline) ? '(?<![^\\n])' : '(?<![\\s\\S])'
    else if (take(/\$/) !== null) source += has(bits.multiline) ? '(?![^\\n])' : '(?=\\n?(?![\\s\\S]))'
    else if (take(/\./) !== null) source += has(bits.dotAll) ? '[\\s\\S]' : '[^\\n]'
    else if ((found = take(/\{(\d*)(,?)(\d*)\}/)) !== null && (found[1] !== '' || found[3] !== ''))
      source += `{${found[1] === '' ? '0' : found[1]}${found[2]}${found[3]}}`
    else if (found !== null) source += found[0].replace(/[{}]/g, '\\$&')
    else if ((found = take(/[{}\]/]/)) !== null) source += `\\${found[0]}`
    else source += (take(/[\s\S]/) as RegExpExecArray)[0]
  }
  return { source, ignoreCase: has(bits.ignoreCase), names, groups }
}

const words = '\\p{L}\\p{N}_'
const controls: Readonly<Record<string, string>> = { a: '\\x07', n: '\\n', t: '\\t', r: '\\r', f: '\\f', v: '\\v' }

function escapeOf(letter: string, rest: string, isAscii: boolean): { readonly text: string; readonly taken: number } {
  const hex = { x: 2, u: 4, U: 8 }[letter]
  if (hex !== undefined) {
    const digits = rest.slice(0, hex)
    if (!new RegExp(`^[0-9a-fA-F]{${hex}}$`).test(digits))
      throw new SyntaxError(`incomplete escape \\${letter}${digits}`)
    return { text: `\\u{${digits.replace(/^0+(?=.)/, '')}}`, taken: hex }
  }
  return { text: plainEscape(letter, isAscii), taken: 0 }
}

function plainEscape(letter: string, isAscii: boolean): string {
  if (controls[letter] !== undefined) return controls[letter]
  switch (letter) {
    case 'A':
      return '(?<![\\s\\S])'
    case 'Z':
      return '(?![\\s\\S])'
    case 'd':
      return isAscii ? '[0-9]' : '\\p{Nd}'
    case 'D':
      return isAscii ? '[^0-9]' : '\\P{Nd}'
    case 'w':
      return isAscii ? '\\w' : `[${words}]`
    case 'W':
      return isAscii ? '\\W' : `[^${words}]`
    case 'b':
      return isAscii ? '\\b' : `(?:(?<=[${words}])(?![${words}])|(?<![${words}])(?=[${words}]))`
    case 'B':
      return isAscii ? '\\B' : `(?:(?<=[${words}])(?=[${words}])|(?<![${words}])(?![${words}]))`
    case 's':
    case 'S':
      return `\\${letter}`
  }
  if (/\d/.test(letter)) return letter === '0' ? '\\x00' : `\\${letter}`
  if (/[a-zA-Z]/.test(letter)) throw new SyntaxError(`bad escape \\${letter}`)
  return /[\^$\\.*+?()[\]{}|/]/.test(letter) ? `\\${letter}` : letter
}

/** What is between the brackets of a class. */
function classOf(text: string, isAscii: boolean): string {
  let out = ''
  let isSet = false
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] as string
    const wasSet = isSet
    isSet = false
    if (letter === '\\') {
      const next = text[++i] ?? ''
      if (next === 'b') out += '\\x08'
      else if (/[dDwWsS]/.test(next)) {
        isSet = true
        const sets: Readonly<Record<string, string>> = { d: '\\p{Nd}', D: '\\P{Nd}', w: words }
        out += (isAscii ? undefined : sets[next]) ?? `\\${next}`
      } else if (next === '-') out += '\\-'
      else {
        const { text: escaped, taken } = escapeOf(next, text.slice(i + 1), isAscii)
        out += escaped
        i += taken
      }
    } else if (letter === '-' && (wasSet || i === 0 || i === text.length - 1 || /^\\[dDwWsS]/.test(text.slice(i + 1))))
      out += '\\-'
    else out += /[[\](){}/|]/.test(letter) ? `\\${letter}` : letter
  }
  return out
}

interface Compiled extends TranslatedPattern {
  readonly search: RegExp
  readonly match: RegExp
  readonly fullmatch: RegExp
}

/** Start and end of each group of a match, in characters as Python counts them; null where a group has no part in it. */
type Spans = readonly (readonly [number, number] | null)[]

/** Of the patterns that are kept: they lie outside of the interpreter, whose memory is limited. */
const mostPatterns = { number: 200, characters: 200_000 } as const

/** Patterns of Python, compiled once. */
export class RegularExpressions {
  readonly #known = new Map<string, Compiled>()
  #characters = 0

  /** @throws {SyntaxError} where it is no pattern */
  compile(pattern: string, flags: number): Compiled {
    const key = `${flags}:${pattern}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#characters += key.length
    if (this.#known.size >= mostPatterns.number || this.#characters > mostPatterns.characters) {
      this.#known.clear()
      this.#characters = key.length
    }
    const translated = translatePattern(pattern, flags)
    const made = (before: string, after: string, sticky: string): RegExp =>
      new RegExp(`${before}${translated.source}${after}`, `d${translated.ignoreCase ? 'i' : ''}u${sticky}`)
    const compiled = {
      ...translated,
      search: made('', '', 'g'),
      match: made('', '', 'y'),
      fullmatch: made('(?:', ')(?![\\s\\S])', 'y'),
    }
    this.#known.set(key, compiled)
    return compiled
  }

  /**
   * Finds matches, one after the other.
   *
   * @param compiled a pattern
   * @param how where it may match
   * @param text to look in, from character `from` on
   * @param limit how many at most; 0 for all
   */
  find(
    compiled: Compiled,
    how: 'search' | 'match' | 'fullmatch',
    { text, from, limit }: { readonly text: string; readonly from: number; readonly limit: number },
  ): Spans[] {
    const expression = compiled[how]
    const isWide = /[\ud800-\udfff]/.test(text)
    expression.lastIndex = isWide ? Array.from(text).slice(0, from).join('').length : from
    const shown = (at: number): number => (isWide ? Array.from(text.slice(0, at)).length : at)
    const found: Spans[] = []
    for (let left = limit === 0 ? Number.POSITIVE_INFINITY : limit; left > 0; left--) {
      const match = expression.exec(text)
      if (match === null) break
      const indices = match.indices as unknown as readonly ([number, number] | undefined)[]
      found.push(indices.map((pair) => (pair === undefined ? null : [shown(pair[0]), shown(pair[1])])))
      if (match[0] === '') expression.lastIndex += (text.codePointAt(match.index) ?? 0) > 0xffff ? 2 : 1
      if (how !== 'search') break
    }
    return found
  }
}

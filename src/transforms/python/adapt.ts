import { adaptClasses, type Token } from './adapt-classes.ts'

/** Methods of str, int and float that MicroPython lacks, or has for ASCII alone; `_sluiceway.py` has them. */
const methods = new Set(
  (
    'title capitalize casefold swapcase zfill ljust rjust removeprefix removesuffix isalnum isnumeric isdecimal isascii ' +
    'isidentifier translate is_integer bit_length lower upper isalpha isdigit isupper islower isspace ' +
    'strip lstrip rstrip split encode format'
  ).split(' '),
)

const tokens =
  /(?<text>[rRbBuUfF]{0,2}(?:"""(?:\\[\s\S]|(?!""")[\s\S])*"""|'''(?:\\[\s\S]|(?!''')[\s\S])*'''|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'))|(?<comment>#[^\n]*)|(?<space>[^\S\n]+|\\\n)|(?<line>\n)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<number>\d[\w.]*)|(?<sign>\*\*|[\s\S])/guy

/** Words before `{` or `[` after which these begin a value; after any other name `[` is a subscript. */
const keywords = new Set(
  'return in and or not if else elif yield lambda is assert del while for await from import raise print'.split(' '),
)

/**
 * Writes Python that MicroPython does not know in a way that it knows: `{**a, 'b': 1}`, `[*a, b]`, `def f(a, /)`, what
 * dataclasses and enums need, and methods such as `text.title()`. What is within an f-string is left alone. Lines stay where they are.
 *
 * @param source Python 3
 */
export function adaptPython(source: string): string {
  const list: Token[] = [...source.matchAll(tokens)].map(({ groups = {}, 0: text }) => ({
    kind: Object.keys(groups).find((kind) => groups[kind] !== undefined) ?? 'sign',
    source: text,
    text,
  }))
  const starts: number[] = []
  for (const [i, token] of list.entries()) {
    if (token.kind === 'name' && methods.has(token.text)) adaptMethod(list, i)
    if (token.kind === 'name' && token.source === 'str') adaptText(list, i)
    if (token.kind === 'text' && /^[rRbB]?[fF]/.test(token.source)) token.text = adaptFields(token.source)
    if (token.kind !== 'sign') continue
    if (opens(token)) starts.push(i)
    if (token.source === '/') dropPositionalOnly(list, i)
    if (closes(token)) {
      const start = starts.pop()
      if (start !== undefined && token.source !== ')') adaptDisplay(list, start, i)
    }
  }
  adaptClasses(list)
  return list.map(({ text }) => text).join('')
}

/** `str(total)` writes as many digits as a number needs. */
function adaptText(list: readonly Token[], name: number): void {
  const ahead = list[before(list, name)]?.source ?? ''
  if (list[name + 1]?.source === '(' && !['.', 'def', 'class'].includes(ahead)) (list[name] as Token).text = '__str'
}

/** So do fields of an f-string that have no format: `{total}` becomes `{__str(total)}`. */
function adaptFields(text: string): string {
  const quote = /["']/.exec(text)?.[0] === '"' ? "'" : '"'
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const isField = text[i] === '{' && text[i + 1] !== '{'
    out += text[i]
    if (text[i] === '{' && !isField) out += text[++i]
    if (!isField) continue
    const end = endOfField(text, i + 1)
    if (end === undefined) return text
    const field = text.slice(i + 1, end)
    const isPlain = /^[^'"=!{}]+$/.test(field)
    // Within quotes of the one kind there are only those of the other.
    const adapted = isPlain ? adaptPython(field).replaceAll('"', quote) : field
    i = end - 1
    if (text[end] === '}') {
      out += isPlain ? `__str(${adapted})` : field
      continue
    }
    const close = text.indexOf('}', end)
    if (close < 0 || text.slice(end, close).includes('{')) return text
    // What follows is a format, in which fields are left alone.
    const format = text.slice(end, close)
    const isGrouped = isPlain && /^:[^'"!\\]*[,_][^'"!\\]*$/.test(format)
    out += isGrouped ? `__format(${adapted},${quote}${format.slice(1)}${quote})` : adapted + format
    i = close - 1
  }
  return out
}

/** Where the expression of a field ends: at its `}`, or at what says how it is written. */
function endOfField(text: string, from: number): number | undefined {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const letter = text[i] as string
    if ('([{'.includes(letter)) depth++
    if (depth > 0 && ')]}'.includes(letter)) depth--
    else if (depth === 0 && (letter === '}' || letter === ':' || (letter === '!' && text[i + 1] !== '='))) return i
  }
  return undefined
}

/** `def total(order, /, rate)`: MicroPython has no such parameters, and the others say the same. */
function dropPositionalOnly(list: Token[], slash: number): void {
  const comma = before(list, slash)
  const end = list[after(list, slash)]?.source
  if (list[comma]?.source !== ',' || (end !== ',' && end !== ')')) return
  ;(list[comma] as Token).text = ''
  ;(list[slash] as Token).text = ''
}

const isBlank = ({ kind }: Token): boolean => kind === 'space' || kind === 'comment' || kind === 'line'
const opens = ({ source }: Token): boolean => source === '(' || source === '[' || source === '{'
const closes = ({ source }: Token): boolean => source === ')' || source === ']' || source === '}'

function before(list: readonly Token[], at: number): number {
  let i = at - 1
  while (i >= 0 && isBlank(list[i] as Token)) i--
  return i
}

function after(list: readonly Token[], at: number): number {
  let i = at + 1
  while (i < list.length && isBlank(list[i] as Token)) i++
  return i
}

/** `value.title(` becomes `__method(value,"title")(`. */
function adaptMethod(list: Token[], name: number): void {
  const dot = before(list, name)
  if (list[dot]?.source !== '.') return
  const isOfStr = list[before(list, dot)]?.source === 'str'
  if (!isOfStr && list[after(list, name)]?.source !== '(') return
  const start = startOfValue(list, dot)
  if (start === undefined) return
  const token = list[name] as Token
  const first = list[start] as Token
  first.text = `__method(${first.text}`
  ;(list[dot] as Token).text = ','
  token.text = `"${token.source}")`
}

/** Where the value that ends before the dot begins: names, calls, subscripts and texts with dots between them. */
function startOfValue(list: readonly Token[], dot: number): number | undefined {
  let i = before(list, dot)
  for (;;) {
    const token = list[i]
    if (token === undefined) return undefined
    if (closes(token)) {
      const open = opening(list, i)
      if (open === undefined) return undefined
      const ahead = before(list, open)
      if (token.source === '}' || !endsValue(list[ahead])) return open
      i = ahead
      continue
    }
    if (token.kind !== 'name' && token.kind !== 'text' && token.kind !== 'number') return undefined
    const ahead = before(list, i)
    if (list[ahead]?.source !== '.') return i
    i = before(list, ahead)
  }
}

const endsValue = (token: Token | undefined): boolean =>
  token !== undefined &&
  (token.kind === 'text' || (token.kind === 'name' && !keywords.has(token.source)) || closes(token))

function opening(list: readonly Token[], close: number): number | undefined {
  let depth = 0
  for (let i = close; i >= 0; i--) {
    const token = list[i] as Token
    if (closes(token)) depth++
    if (opens(token) && --depth === 0) return i
  }
  return undefined
}

/** A display of a dict or list with `**` or `*` in it, between its brackets. */
function adaptDisplay(list: Token[], start: number, end: number): void {
  const isDict = list[end]?.source === '}'
  if (!isDict && endsValue(list[before(list, start)])) return
  const parts = partsOf(list, start, end)
  const isSpread = (first: number): boolean => list[first]?.source === (isDict ? '**' : '*')
  if (!parts.some(isSpread)) return
  const bracket = list[start] as Token
  bracket.text = `${bracket.text.slice(0, -1)}${isDict ? '__merge(' : '__joined('}`
  const [open, close] = isDict ? ['{', '}'] : ['[', ']']
  for (const [n, first] of parts.entries()) {
    const token = list[first] as Token
    if (isSpread(first)) {
      token.text = ''
      continue
    }
    token.text = `${open}${token.text}`
    const last = list[before(list, parts[n + 1] ?? end)] as Token
    if (last.source === ',') last.text = `${close},`
    else last.text += close
  }
  ;(list[end] as Token).text = ')'
}

/** The first token of each part between commas. */
function partsOf(list: readonly Token[], start: number, end: number): number[] {
  const parts: number[] = []
  let depth = 0
  let isNew = true
  for (let i = start + 1; i < end; i++) {
    const token = list[i] as Token
    if (isBlank(token)) continue
    if (isNew) parts.push(i)
    isNew = false
    if (opens(token)) depth++
    if (closes(token)) depth--
    if (depth === 0 && token.source === ',') isNew = true
  }
  return parts
}

/** A piece of Python, as `adaptPython` reads it. */
export interface Token {
  readonly kind: string
  /** As its author wrote it: what is added below is no part of the structure. */
  readonly source: string
  text: string
}

const isBlank = ({ kind }: Token): boolean => kind === 'space' || kind === 'comment' || kind === 'line'

/** A statement: its first token, that behind its last one, and how far it is indented. */
interface Statement {
  readonly start: number
  readonly end: number
  readonly indent: number
}

/**
 * Writes into classes what MicroPython does not keep of them: names of annotated fields (`__fields__`) and of members of an enum
 * (`_order_`), each in its order, on the line of the first of them.
 *
 * @param list the whole file; changed
 */
export function adaptClasses(list: readonly Token[]): void {
  const named = new Set(list.filter(({ kind }) => kind === 'name').map(({ source }) => source))
  const hasEnums = ['Enum', 'IntEnum', 'StrEnum'].some((one) => named.has(one))
  const hasFields = ['dataclass', 'dataclasses', 'NamedTuple'].some((one) => named.has(one))
  if (!hasEnums && !hasFields) return
  const statements = statementsOf(list)
  for (const [i, { start, indent }] of statements.entries()) {
    if (list[start]?.source !== 'class') continue
    const body: Statement[] = []
    let inner: number | undefined
    for (const one of statements.slice(i + 1)) {
      if (one.indent <= indent) break
      inner ??= one.indent
      if (one.indent === inner) body.push(one)
    }
    if (hasEnums) enumFirst(list, start)
    if (hasFields) note(list, body, '__fields__', fieldOf)
    if (hasEnums) note(list, body, '_order_', memberOf)
  }
  if (!hasEnums) return
  for (const [i, token] of list.entries())
    if (token.source === 'isinstance' && list[i + 1]?.source === '(') token.text = '__isinstance'
}

function note(
  list: readonly Token[],
  body: readonly Statement[],
  name: string,
  nameIn: (list: readonly Token[], statement: Statement) => string | undefined,
): void {
  const found = body.flatMap((one) => {
    const field = nameIn(list, one)
    return field === undefined ? [] : [{ field, start: one.start }]
  })
  const [first] = found
  if (first === undefined || found.some(({ field }) => field === name)) return
  const names = found.map(({ field }) => field)
  const value = name === '_order_' ? JSON.stringify(names.join(' ')) : `(${names.map((one) => `"${one}", `).join('')})`
  const token = list[first.start] as Token
  token.text = `${name} = ${value}; ${token.text}`
}

/** Of `name: kind`, but not of a variable of the class. */
function fieldOf(list: readonly Token[], { start, end }: Statement): string | undefined {
  const colon = next(list, start)
  if (list[start]?.kind !== 'name' || list[colon]?.source !== ':' || colon >= end) return undefined
  const annotation = list.slice(colon, end).find(({ kind }) => kind === 'name' || kind === 'text')
  if (annotation === undefined || keywords.has(list[start].source)) return undefined
  const isOfClass = list.slice(colon, end).some(({ source }) => /^['"]?(?:typing\.)?ClassVar/.test(source))
  return isOfClass ? undefined : list[start].source
}

/** Of `NAME = value`. */
function memberOf(list: readonly Token[], { start, end }: Statement): string | undefined {
  const sign = next(list, start)
  const isAssigned = list[sign]?.source === '=' && list[sign + 1]?.source !== '=' && sign < end
  return list[start]?.kind === 'name' && isAssigned ? list[start].source : undefined
}

/** `class Plan(str, Enum)` becomes `class Plan(Enum, str)`: the type of the first base makes the class. */
function enumFirst(list: readonly Token[], start: number): void {
  const open = next(list, next(list, start))
  const first = next(list, open)
  const comma = next(list, first)
  const second = next(list, comma)
  if (list[open]?.source !== '(' || list[comma]?.source !== ',') return
  const [a, b] = [list[first], list[second]]
  if (a === undefined || b === undefined || !['str', 'int', 'float'].includes(a.source)) return
  const path = b.source === 'enum' && list[second + 1]?.source === '.' ? list[second + 2] : undefined
  if ((path ?? b).source !== 'Enum') return
  a.text = path === undefined ? 'Enum' : 'enum.Enum'
  b.text = a.source
  if (path === undefined) return
  path.text = ''
  ;(list[second + 1] as Token).text = ''
}

const keywords = new Set([
  'if',
  'else',
  'elif',
  'try',
  'except',
  'finally',
  'for',
  'while',
  'with',
  'class',
  'def',
  'lambda',
])

function next(list: readonly Token[], at: number): number {
  let i = at + 1
  while (i < list.length && isBlank(list[i] as Token) && list[i]?.kind !== 'line') i++
  return i
}

/** The statements of a file; those of one line, too. */
function statementsOf(list: readonly Token[]): Statement[] {
  const found: { start: number; end: number; indent: number }[] = []
  let depth = 0
  let isNew = true
  let isLine = true
  let indent = 0
  for (const [i, { kind, source }] of list.entries()) {
    if (kind === 'line') {
      if (depth === 0) {
        isNew = true
        isLine = true
        indent = 0
      }
      continue
    }
    if (kind === 'comment') continue
    if (kind === 'space') {
      if (isLine) indent = source.length
      continue
    }
    if (isNew) {
      const last = found.at(-1)
      if (last !== undefined) last.end = i
      found.push({ start: i, end: list.length, indent })
      isNew = false
      isLine = false
    }
    if (source === ';' && depth === 0) isNew = true
    if (source === '(' || source === '[' || source === '{') depth++
    if (source === ')' || source === ']' || source === '}') depth--
  }
  return found
}

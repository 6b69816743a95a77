import { SluicewayError } from '../../core/errors.ts'

/** Characters outside of quotes that a statement may have: parameters, whose names may hold quotes and parentheses, are not among them. */
const plain = /[\sA-Za-z0-9_\u0080-\uffff+\-*/%<>=!~&|.,]/
const closing: Readonly<Record<string, string>> = { "'": "'", '"': '"', '`': '`', '[': ']' }
const reading = /^\s*(?:SELECT|WITH|VALUES)\b/i
const explaining = /^\s*(EXPLAIN(?:\s+QUERY\s+PLAN)?)\b/i

/** A statement that can stand in parentheses, where SQLite takes nothing but one that reads. */
export interface ReadOnlySelect {
  /** `EXPLAIN` or `EXPLAIN QUERY PLAN`, where the statement began with it. */
  readonly explain?: string
  readonly select: string
}

/**
 * Checks that a text can do nothing but read, wherever SQLite takes a SELECT in parentheses.
 *
 * D1 has no mode for reading only, and runs several statements as one. So the text is taken apart as SQLite does it: comments go,
 * quotes must end, parentheses must match, and there is no `;` and no parameter. Then it cannot leave the parentheses that are
 * put around it, between which the grammar has nothing that writes. https://www.sqlite.org/lang_select.html (checked 2026-11-29)
 *
 * @param sql what somebody asks for; a `;` at its end is left out
 * @returns the statement without comments
 * @throws {SluicewayError} bad_request, which says what is in the way
 */
export function readOnlySelect(sql: string): ReadOnlySelect {
  const text = withoutComments(sql).replace(/[\s;]+$/, '')
  const explain = explaining.exec(text)
  const select = explain === null ? text : text.slice(explain[0].length)
  if (!reading.test(select)) throw refusal('It must be a SELECT, WITH, VALUES or EXPLAIN of one.')
  assertEnclosed(select)
  // The one table of a PRAGMA that writes when it is read: https://www.sqlite.org/pragma.html#pragfunc (checked 2026-12-01)
  if (/pragma_optimize/i.test(select)) throw refusal('There may be no pragma_optimize, which writes.')
  return explain === null ? { select } : { explain: explain[1] as string, select }
}

/** The text without comments; a blank is in the place of each, so that none arises of what was around it. */
function withoutComments(sql: string): string {
  let out = ''
  for (let at = 0; at < sql.length;) {
    const end = quoteEnd(sql, at)
    if (end !== undefined) {
      out += sql.slice(at, end)
      at = end
    } else if (sql.startsWith('--', at)) {
      const line = sql.indexOf('\n', at)
      out += ' '
      at = line === -1 ? sql.length : line
    } else if (sql.startsWith('/*', at)) {
      const close = sql.indexOf('*/', at + 2)
      if (close === -1) throw refusal('A comment does not end.')
      out += ' '
      at = close + 2
    } else out += sql[at++]
  }
  return out
}

function assertEnclosed(select: string): void {
  let depth = 0
  for (let at = 0; at < select.length;) {
    const sign = select[at] as string
    const end = quoteEnd(select, at)
    if (end !== undefined) at = end
    else {
      if (sign === '(') depth++
      else if (sign === ')') depth--
      else if (sign === ';') throw refusal('There may be one statement only.')
      else if (!plain.test(sign)) throw refusal(`There may be no ${JSON.stringify(sign)} outside of quotes.`)
      if (depth < 0) break
      at++
    }
  }
  if (depth !== 0) throw refusal('The parentheses do not match.')
}

/** Where the quoted text ends that begins here; undefined where none does. */
function quoteEnd(sql: string, start: number): number | undefined {
  const close = closing[sql[start] as string]
  if (close === undefined) return undefined
  for (let at = start + 1; ; at++) {
    at = sql.indexOf(close, at)
    if (at === -1) throw refusal('A quote does not end.')
    // Two of them are one of the text, except in brackets.
    if (close === ']' || sql[at + 1] !== close) return at + 1
    at++
  }
}

const refusal = (why: string): SluicewayError => new SluicewayError('bad_request', `The query is refused: ${why}`)

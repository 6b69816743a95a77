import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** One Markdown file of the repository. */
export interface Document {
  /** Relative to the repository, with slashes. */
  readonly file: string
  readonly text: string
  /** The text without its code blocks. */
  readonly prose: string
}

/** A code block: what stands between two fences. */
export interface Block {
  readonly file: string
  /** Of the fence that opens it. */
  readonly line: number
  /** '' when the fence names none. */
  readonly language: string
  /** Where the block belongs, as the fence says behind the language; '' when it says nothing. */
  readonly path: string
  readonly text: string
}

const fenced = /^```(\w*)[ \t]*([^\n]*)\n([^]*?)^```$/gm

/** All documents of the repository. */
export const documents: readonly Document[] = globSync('{*.md,docs/**/*.md,test/**/*.md,.github/**/*.md}', {
  cwd: root,
})
  .map((file) => file.replaceAll('\\', '/'))
  .toSorted()
  .map((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    return { file, text, prose: text.replace(fenced, '') }
  })

/** Gives a document by its file name. */
export function documentAt(file: string): Document {
  const found = documents.find((one) => one.file === file)
  if (found === undefined) throw new Error(`there is no document ${file}`)
  return found
}

/** The code blocks of all documents, in their order. */
export const blocks: readonly Block[] = documents.flatMap(({ file, text }) =>
  Array.from(text.matchAll(fenced), ({ 1: language = '', 2: path = '', 3: body = '', index }) => ({
    file,
    line: text.slice(0, index).split('\n').length,
    language,
    path: path.trim(),
    text: body,
  })),
)

/** The part of a document below a heading, up to the next one of the same level or above. */
export function sectionOf({ file, text }: Document, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0
  const start = text.indexOf(`\n${heading}\n`)
  if (start < 0) throw new Error(`${file} has no heading "${heading}"`)
  const rest = text.slice(start + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** The cells of the rows of all tables in a text, heads and rules left out. */
export function rowsIn(text: string): string[][] {
  const lines = text.split('\n')
  return lines.flatMap((line, i) => {
    const isRule = /^\|[\s|:-]+\|$/.test(line)
    const isHead = /^\|[\s|:-]+\|$/.test(lines[i + 1] ?? '')
    if (!line.startsWith('|') || isRule || isHead) return []
    return [
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    ]
  })
}

/** What stands in backticks in a text. */
export const codeIn = (text: string): string[] => Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code = '']) => code)

/** Reads a file of the repository. */
export const readSource = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Lists files of the repository by a pattern. */
export const filesOf = (pattern: string): string[] =>
  globSync(pattern, { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .toSorted()

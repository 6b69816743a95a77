// A line of a report is read alone: the title of a test says what does what when, without the block around it.
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const files = globSync('test/**/*{.test,-suite}.ts', { cwd: root }).toSorted()

/** `test(`, `it.each(…)(` and the like, at the beginning of a line, with its indentation. */
const opening = /^( *)(?:test|it)(?:\.\w+(?:<[^]*?>)?)?\(/gm
/** A title in quotes; one in backticks may hold expressions. */
const text = /\s*(['"`])((?:\\.|(?!\1).)*)\1/y

/** Words in the middle of a sentence, with which no title begins. Those that may be a plural noun are not among them. */
const middle = new Set(
  (
    'is are was were has have had does do can cannot may must never nor and or but of that which whose who because also than ' +
    'accepts adds appends arrives begins brings comes delivers fails finds gets gives goes installs keeps knows learns leaves ' +
    'loses makes opens outlives refuses says sends serves survives takes tells throws writes'
  ).split(' '),
)

/** The titles of a file, as they are written. */
function titlesOf(file: string): string[] {
  const source = readFileSync(resolve(root, file), 'utf8')
  return [...source.matchAll(opening)].flatMap(({ 0: found, 1: indent = '', index }) => {
    const isTable = /\.(?:each|skipIf|runIf|for)\b/.test(found)
    // After a table, the title follows the parenthesis that closes it: on the same line, or at the indentation of the test.
    const closed = new RegExp(`\\)\\((?=\\s*['"\`])|^${indent}[\\])}].*?\\)\\(`, 'gm')
    closed.lastIndex = index
    const at = isTable ? closed.exec(source) : { index: index + found.length, 0: '' }
    text.lastIndex = (at?.index ?? 0) + (at?.[0].length ?? 0)
    const title = text.exec(source)?.[2]
    return title === undefined ? [`${file}: a title is no text`] : [title]
  })
}

const all = files.flatMap((file) => titlesOf(file).map((title) => ({ file, title })))

/** What stands in a title beside its placeholders: `%s`, `$name`, `${name}`. */
const wordsOf = (title: string) => title.replaceAll(/\$\{[^}]*\}|\$[\w.]+|%\S/g, ' ').match(/[\p{L}\d'’./-]+/gu) ?? []

test('the title of every test has at least four words beside its placeholders', () => {
  expect(all.length).toBeGreaterThan(900)
  expect(all.filter(({ title }) => wordsOf(title).length < 4)).toEqual([])
})

test('the title of no test begins in the middle of a sentence', () => {
  expect(all.filter(({ title }) => middle.has(title.split(' ', 1)[0] ?? ''))).toEqual([])
})

test('no two tests of the repository have the same title', () => {
  const titles = Map.groupBy(all, ({ title }) => title)
  expect([...titles.values()].filter(({ length }) => length > 1)).toEqual([])
})

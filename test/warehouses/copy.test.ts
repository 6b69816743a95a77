import { expect, test } from 'vitest'
import { copyPieces } from '../../src/warehouses/postgres/copy.ts'

const columns = [
  { name: 'id', type: 'string' },
  { name: 'note', type: 'string' },
] as const
const decoder = new TextDecoder()

/** What a server reads out of a line of COPY text. */
const readCell = (cell: string): string | null =>
  cell === String.raw`\N`
    ? null
    : cell.replaceAll(
        /\\(.)/g,
        (_, letter: string) => ({ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' })[letter] ?? letter,
      )

test('COPY text reads back as what was written, whatever is in it, in pieces of bounded size', () => {
  const parts = [
    '',
    'Ada',
    '\t',
    '\n',
    '\\',
    String.raw`\N`,
    '\u0001',
    '\r\b\f\v',
    'Zoë',
    '数学',
    '😀',
    '\u007f',
    'x'.repeat(70_000),
    'é'.repeat(70_000),
  ]
  const notes = parts.flatMap((one) => parts.map((two) => one + two))
  const rows = notes.map((note, i) => [`row-${i}`, note])
  const pieces = [...copyPieces({ columns, rows: [...rows, ['row-null', null]] })]
  const read = pieces
    .flatMap((piece) => decoder.decode(piece).split('\n').slice(0, -1))
    .map((line) => line.split('\t').map(readCell))
  expect(read).toEqual([...rows, ['row-null', null]])
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(500_000)
})

test('COPY text leaves U+0000 out, and writes half a surrogate pair as the sign for what is no text', () => {
  const [piece] = copyPieces({ columns, rows: [['a\0b', '\0é\ud800']] })
  expect(decoder.decode(piece)).toBe('ab\té\ufffd\n')
})

import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtureNames, readFixture } from '../support/fixture-run.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const doc = read('docs/storage.md')
const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => ({ file, text: read(file) }))

/** Names as the document has them: in backticks, with `<…>` for what varies. */
const named = new Set(Array.from(doc.matchAll(/`([^`\n]+)`/g), ([, name = '']) => name))

/**
 * Names of the tables that a text creates. One whose name is given from outside is `…` with what follows; one whose whole
 * name is, belongs to the users' events and gives nothing.
 */
const tablesIn = (text: string): string[] =>
  Array.from(
    text.matchAll(/CREATE (?:TEMPORARY )?TABLE (?:IF NOT EXISTS )?"?((?:\$\{[^}]*\}|\w)+)/g),
    ([, name = '']) => name.replace(/_\$\{\w+\}$/, '_<n>').replaceAll(/\$\{[^}]*\}/g, '…'),
  ).filter((name) => name !== '…')

/** The tables of a `Segments`, by the names that it is given. */
const segmentNames = sources.flatMap(({ text }) =>
  Array.from(text.matchAll(/new Segments\([^,]+, \{ name: '(\w+)'/g), ([, name = '']) => name),
)

const tables = sources.flatMap(({ file, text }) =>
  tablesIn(text)
    .flatMap((table) => (table.startsWith('…') ? segmentNames.map((name) => table.replace('…', name)) : [table]))
    .map((table) => ({ file, table })),
)

/** Where keys of R2 are made: the beginning of every text that looks like one, in files that put objects. */
const prefixes = sources
  .filter(({ text }) => /bucket\.put\(/i.test(text))
  .flatMap(({ file, text }) =>
    Array.from(text.matchAll(/['"`]([a-z]+(?:-[a-z]+)*\/)(?![\w-]*\.ts)/g), ([, prefix = '']) => ({ file, prefix })),
  )

describe('docs/storage.md', () => {
  test('docs/storage.md names every table that the code creates', () => {
    expect(tables.map(({ table }) => table)).toEqual(expect.arrayContaining(['waiting', 'log_<n>', 'inbox_<n>']))
    for (const { file, table } of tables) expect([file, table, named.has(table)]).toEqual([file, table, true])
  })

  test('docs/storage.md names every name that the engines keep for themselves in a warehouse', () => {
    const own = sources.flatMap(({ file, text }) =>
      file.startsWith('src/warehouses/') ? Array.from(text.matchAll(/_sluiceway_\w+/g), ([name]) => name) : [],
    )
    expect(own.length).toBeGreaterThan(0)
    for (const name of own) expect([name, named.has(name)]).toEqual([name, true])
  })

  test('docs/storage.md names every prefix of a key that the code puts into R2', () => {
    expect(new Set(prefixes.map(({ prefix }) => prefix))).toEqual(
      new Set(['staging/', 'held/', 'spill/', 'spill-stuck/', 'expired/', 'suppression/', 'health/']),
    )
    for (const { file, prefix } of prefixes) {
      const known = [...named].some((name) => name.startsWith(prefix) && name.length > prefix.length)
      expect([file, prefix, known]).toEqual([file, prefix, true])
    }
  })

  test('docs/storage.md names every Durable Object class and binding of wrangler.toml', () => {
    const bindings = Array.from(
      read('wrangler.toml').matchAll(/\[\[durable_objects\.bindings\]\]\nname = "(\w+)"\nclass_name = "(\w+)"/g),
      ([, binding = '', name = '']) => [binding, name],
    )
    expect(bindings.length).toBe(11)
    for (const name of bindings.flat()) expect([name, named.has(name)]).toEqual([name, true])
  })
})

describe('the newest fixture of a state folder', () => {
  const { tables: stored, keys } = readFixture(fixtureNames.at(-1) ?? '')

  test('the newest fixture of a state folder has every table of a Durable Object', () => {
    const ofObjects = tables.filter(({ file }) => !/^src\/(warehouses|console)\//.test(file))
    for (const { file, table } of ofObjects) expect([file, table, stored.includes(table)]).toEqual([file, table, true])
  })

  test('the newest fixture of a state folder has an object under every prefix of R2', () => {
    for (const { prefix } of prefixes)
      expect([prefix, keys.some((key) => key.startsWith(prefix))]).toEqual([prefix, true])
  })
})

// Sends the same events with this project's adapter for `@segment/action-destinations` and with the library's own engine, and
// writes what came of it into scripts/library/compared.json and docs/segment-library.md:
//   npm run library                     all destinations that can be used; takes some minutes
//   npm run library -- klaviyo braze    only these; the others stay as they were compared before
//   npm run library -- --page           only the page, from what was compared before
//   npm run library -- --json klaviyo   writes no file, and prints what came of it
//   npm run library -- --deletions      writes no file, and prints what came of deleting users, which all others do as well
import { createRequire } from 'node:module'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Compared } from './library/compare.ts'
import type { ComparedDeletion } from './library/deletions.ts'

// First of all: see there.
createRequire(import.meta.url)('./library/deterministic.cjs')
const { compare, listDestinations } = await import('./library/compare.ts')
const { compareDeletion, deletesUsers } = await import('./library/deletions.ts')
const { pageOf } = await import('./library/page.ts')

const root = resolve(import.meta.dirname, '..')
const record = join(import.meta.dirname, 'library/compared.json')
const deletionRecord = join(import.meta.dirname, 'library/deletions.json')
const flags = new Set(process.argv.slice(2).filter((one) => one.startsWith('--')))
const names = process.argv.slice(2).filter((one) => !one.startsWith('--'))
const listed = listDestinations()
const usable = listed.filter(({ refusal }) => refusal === undefined)
const stranger = names.find((name) => !usable.some((one) => one.name === name))
if (stranger !== undefined) {
  console.error(`${stranger} is no destination of the library that can be used`)
  process.exit(1)
}

const done: Compared[] = []
const chosen =
  flags.has('--page') || flags.has('--deletions')
    ? []
    : usable.filter(({ name }) => names.length === 0 || names.includes(name))
for (const one of chosen) {
  const compared = await compare(one, root)
  done.push(compared)
  if (!flags.has('--json')) console.log(`${one.name}: ${compared.equal} of ${compared.runs} equal`)
}
const deletions: ComparedDeletion[] = []
if (!flags.has('--json')) for (const one of usable.filter(deletesUsers)) deletions.push(await compareDeletion(one))
if (flags.has('--deletions')) console.log(JSON.stringify(deletions))
else if (flags.has('--json')) console.log(JSON.stringify(done))
else {
  const before = names.length === 0 && !flags.has('--page') ? [] : readRecord()
  const all = [...before.filter(({ name }) => !done.some((one) => one.name === name)), ...done].toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )
  writeFileSync(record, linesOf(all))
  writeFileSync(deletionRecord, linesOf(deletions))
  writeFileSync(join(root, 'docs/segment-library.md'), pageOf(listed, all, deletions))
}

function linesOf(list: readonly unknown[]): string {
  return `[\n${list.map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n]\n`
}

function readRecord(): Compared[] {
  return JSON.parse(readFileSync(record, 'utf8')) as Compared[]
}

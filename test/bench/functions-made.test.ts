// What runs for each event makes no function that has a name: in the bundle, a call gives each of them its name, when it is made.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { transformSync } from 'esbuild'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

/** The functions with a name that are made while others run, as the bundle has them (`keep_names` of wrangler). */
const madeLater = (code: string): string[] =>
  transformSync(code, { loader: 'ts', keepNames: true })
    .code.split('\n')
    .filter((line) => /^\s+.*__name\((?!this)/.test(line))
    .map((line) => /"([^"]+)"\);?,?$/.exec(line)?.[1] ?? line.trim())

test.each([
  'src/core/envelope.ts',
  'src/edge/normalize-shape.ts',
  'src/edge/packer.ts',
  'src/edge/route.ts',
  'src/edge/validate-event.ts',
  'src/enrichment/client-signals.ts',
  'src/enrichment/enrich.ts',
  'src/enrichment/timestamps.ts',
  'src/loading/fit-value.ts',
  'src/loading/rows-of.ts',
  'src/loading/slice.ts',
  'src/loading/staged-events.ts',
  'src/storage/fingerprint.ts',
  'src/storage/frame.ts',
  'src/warehouses/mapping/event-rows.ts',
  'src/warehouses/mapping/fit.ts',
  'src/warehouses/mapping/flatten.ts',
  'src/warehouses/mapping/map-event.ts',
  'src/warehouses/mapping/places.ts',
  'src/warehouses/mapping/row.ts',
  'src/warehouses/mapping/shape.ts',
  'src/warehouses/mapping/types.ts',
  'src/warehouses/postgres/copy.ts',
])('no function of %s that runs for each event makes one that has a name', (file) => {
  expect(madeLater(readFileSync(resolve(root, file), 'utf8'))).toEqual([])
})

test('a function with a name that is made while another runs is found', () => {
  const code = 'export function day(text: string) { const two = (at: number) => text.slice(at, at + 2); return two(8) }'
  expect(madeLater(code)).toEqual(['two'])
  expect(madeLater('export class Row { add() { return [1].map((one) => one + 1) } }')).toEqual([])
})

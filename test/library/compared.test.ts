// What docs/segment-library.md says of the library: written by `npm run library`, which compares all destinations; here a few.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type Compared, listDestinations } from '../../scripts/library/compare.ts'
import { pageOf } from '../../scripts/library/page.ts'
import recorded from '../../scripts/library/compared.json' with { type: 'json' }
import deletions from '../../scripts/library/deletions.json' with { type: 'json' }
import type { ComparedDeletion } from '../../scripts/library/deletions.ts'

const root = resolve(import.meta.dirname, '../..')

test('the page of the library says what its destinations are and what was recorded of them', () => {
  const page = readFileSync(resolve(root, 'docs/segment-library.md'), 'utf8')
  expect(page, 'run `npm run library -- --page`').toBe(
    pageOf(listDestinations(), recorded, deletions as ComparedDeletion[]),
  )
})

test('every destination of the library that can be used was compared with the own engine of the library', () => {
  const usable = listDestinations().filter(({ refusal }) => refusal === undefined)
  expect(usable.length).toBeGreaterThanOrEqual(160)
  expect(recorded.map(({ name }) => name)).toEqual(usable.map(({ name }) => name))
  const runs = recorded.reduce((sum, one) => sum + one.runs, 0)
  const equal = recorded.reduce((sum, one) => sum + one.equal, 0)
  expect(equal / runs).toBeGreaterThanOrEqual(0.99)
})

test('destinations with presets, batches, OAuth and a status for each event send what the own engine of the library sends', () => {
  const names = ['attio', 'canny-functions', 'customerio', 'listrak', 'loops', 'webhook']
  const script = resolve(root, 'scripts/library.ts')
  const { stdout, stderr } = spawnSync(process.execPath, [script, '--json', ...names], { encoding: 'utf8' })
  expect(stdout, stderr).not.toBe('')
  const compared = JSON.parse(stdout) as Compared[]
  expect(compared.map(({ name }) => name)).toEqual(names)
  for (const { name, runs, equal, requests, differences } of compared) {
    expect({ name, equal, differences }).toEqual({ name, equal: runs, differences: [] })
    expect(requests, `${name} sent nothing`).toBeGreaterThan(0)
  }
})

test('every destination of the library that deletes users sends what the own engine of the library sends, or says why not', () => {
  const script = resolve(root, 'scripts/library.ts')
  const { stdout, stderr } = spawnSync(process.execPath, [script, '--deletions'], { encoding: 'utf8' })
  expect(stdout, stderr).not.toBe('')
  const compared = JSON.parse(stdout) as ComparedDeletion[]
  expect(compared, 'run `npm run library -- --page`').toEqual(deletions)
  expect(compared.flatMap(({ differences }) => differences)).toEqual([])
  const working = compared.filter(({ by }) => by.length > 0)
  expect(working.length).toBeGreaterThanOrEqual(21)
  for (const { name, by, runs, requests } of working)
    expect([name, runs], name).toEqual([name, Math.min(requests, by.length * 5)])
  expect(compared.filter(({ by }) => by.length === 0).map(({ name, reason }) => [name, reason])).toEqual([
    ['angler-ai', 'Invalid URL'],
    ['blackbaud-raisers-edge-nxt', expect.stringContaining('sent no request')],
    ['optimizely-feature-experimentation-actions', expect.stringContaining('does not delete users by userId')],
  ])
})

import { existsSync, globSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ourFiles, written } from '../../scripts/ours.ts'
import { readCases } from '../../scripts/transforms/cases.ts'
import { checkCase } from '../../scripts/transforms/check-case.ts'
import { makeOf } from '../../scripts/transforms/load-transform.ts'

const root = resolve(import.meta.dirname, '../..')

const isOurs = ourFiles(root)

for (const file of globSync(`transforms/*.${written}`, { cwd: root }).toSorted()) {
  const name = basename(file, extname(file))
  const golden = resolve(root, `test/transforms/golden/${name}.json`)
  // A user's has cases where the user wants them.
  if (!isOurs(file) && !existsSync(golden)) continue
  const cases = existsSync(golden) ? readCases(golden) : []

  describe(`transform ${name}`, async () => {
    const exported = (await import(resolve(root, file))) as Readonly<Record<string, unknown>>
    const make = makeOf(name, exported)

    test(`the transform ${name} has the name of its file, exactly one of the two functions, and golden cases`, () => {
      expect(cases.length, `put cases into test/transforms/golden/${name}.json`).toBeGreaterThan(0)
      const transform =
        'transformEvent' in exported || 'transformBatch' in exported ? exported : make(cases[0] ?? { name: '' }, {})
      expect(transform['name' as keyof typeof transform]).toBe(name)
      expect(['transformEvent', 'transformBatch'].filter((one) => one in transform)).toHaveLength(1)
    })

    test.each(cases)(`the transform ${name} does what its golden case says: $name`, async (one) => {
      expect(await checkCase(one, make)).toBeUndefined()
    })
  })
}

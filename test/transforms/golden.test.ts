import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ourFiles, written } from '../../scripts/ours.ts'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'

/** One case of `test/transforms/golden/<name>.json`. */
interface Case {
  readonly name: string
  readonly event: Event
  /** What comes out: `same`, nothing (`dropped`), or another event; left out where it throws. */
  readonly becomes?: 'same' | 'dropped' | Event
  /** The message of what is thrown, which is the reason of the dead letter. */
  readonly throws?: string
}

const root = resolve(import.meta.dirname, '../..')

const isOurs = ourFiles(root)

for (const file of globSync(`transforms/*.${written}`, { cwd: root }).toSorted()) {
  const name = basename(file, extname(file))
  const golden = resolve(root, `test/transforms/golden/${name}.json`)
  // A user's has cases where the user wants them.
  if (!isOurs(file) && !existsSync(golden)) continue
  const cases = existsSync(golden) ? (JSON.parse(readFileSync(golden, 'utf8')) as Case[]) : []

  describe(`transform ${name}`, async () => {
    const transform = (await import(resolve(root, file))) as Transform

    test(`the transform ${name} has the name of its file, exactly one of the two functions, and golden cases`, () => {
      expect(transform.name).toBe(name)
      expect(['transformEvent', 'transformBatch'].filter((one) => one in transform)).toHaveLength(1)
      expect(cases.length, `put cases into test/transforms/golden/${name}.json`).toBeGreaterThan(0)
    })

    test.each(cases)(
      `the transform ${name} does what its golden case says: $name`,
      async ({ event, becomes, throws }) => {
        const ran = await runTransforms([transform], [structuredClone(event)], () => ({
          messageId: event.messageId,
          sourceName: 'shop',
          receivedAt: '2026-11-22T10:00:00.500Z',
          eventType: event.type,
        }))
        expect([becomes, throws].filter((one) => one !== undefined)).toHaveLength(1)
        expect(ran.failed.map(({ error }) => error.message)).toEqual(throws === undefined ? [] : [throws])
        const expected = becomes === 'same' ? [event] : becomes === 'dropped' || becomes === undefined ? [] : [becomes]
        expect(ran.events.map((one) => one.event)).toEqual(expected)
      },
    )
  })
}

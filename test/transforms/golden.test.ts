import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ourFiles, written } from '../../scripts/ours.ts'
import type { Event } from '../../src/core/event.ts'
import type { Transform } from '../../src/core/transform.ts'
import type { TransformTools } from '../../src/transforms/define-transform.ts'
import { runTransforms } from '../../src/transforms/run.ts'

/** One case of `test/transforms/golden/<name>.json`. */
interface Case {
  readonly name: string
  /** Of a transform that is called with settings in the config. */
  readonly settings?: object
  /** Rows of KV namespaces, by the name of their binding and their key; null for one that cannot be read. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>>
  readonly event: Event
  /** What comes out: `same`, nothing (`dropped`), another event or several; left out where it throws. */
  readonly becomes?: 'same' | 'dropped' | Event | readonly Event[]
  /** The message of what is thrown, which is the reason of the dead letter. */
  readonly throws?: string
}

/** What a transform file exports: the transform, or a function of the file's name that makes it. */
type Exported = Transform & Readonly<Record<string, unknown>>

type Factory = (settings: object, tools: Partial<TransformTools>) => Transform

/** `split-order` is called `splitOrder`. */
const functionName = (name: string): string => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

const toolsOf = ({ tables = {} }: Case): Partial<TransformTools> => ({
  table: async (name) => ({
    get: async (keys) => {
      const rows = tables[name]
      if (rows === undefined || rows === null) throw new Error('KV GET failed: 500 Internal Server Error')
      return new Map(
        keys.map((key) => {
          const row = rows[key] ?? null
          return [key, row === null || typeof row === 'string' ? row : JSON.stringify(row)]
        }),
      )
    },
  }),
})

const root = resolve(import.meta.dirname, '../..')

const isOurs = ourFiles(root)

for (const file of globSync(`transforms/*.${written}`, { cwd: root }).toSorted()) {
  const name = basename(file, extname(file))
  const golden = resolve(root, `test/transforms/golden/${name}.json`)
  // A user's has cases where the user wants them.
  if (!isOurs(file) && !existsSync(golden)) continue
  const cases = existsSync(golden) ? (JSON.parse(readFileSync(golden, 'utf8')) as Case[]) : []

  describe(`transform ${name}`, async () => {
    const exported = (await import(resolve(root, file))) as Exported
    const factory = exported[functionName(name)] as Factory | undefined
    const made = (one: Case): Transform => {
      const transform = factory?.(one.settings ?? {}, toolsOf(one)) ?? exported
      expect(transform.problems ?? []).toEqual([])
      return transform
    }

    test(`the transform ${name} has the name of its file, exactly one of the two functions, and golden cases`, () => {
      const transform = cases[0] === undefined ? exported : made(cases[0])
      expect(transform.name).toBe(name)
      expect(['transformEvent', 'transformBatch'].filter((one) => one in transform)).toHaveLength(1)
      expect(cases.length, `put cases into test/transforms/golden/${name}.json`).toBeGreaterThan(0)
    })

    test.each(cases)(`the transform ${name} does what its golden case says: $name`, async (one) => {
      const { event, becomes, throws } = one
      const ran = await runTransforms([made(one)], [structuredClone(event)], () => ({
        messageId: event.messageId,
        sourceName: 'shop',
        receivedAt: '2026-11-22T10:00:00.500Z',
        eventType: event.type,
      }))
      expect([becomes, throws].filter((one) => one !== undefined)).toHaveLength(1)
      expect(ran.failed.map(({ error }) => error.message)).toEqual(throws === undefined ? [] : [throws])
      const expected =
        becomes === 'same' ? [event] : becomes === 'dropped' || becomes === undefined ? [] : [becomes].flat()
      expect(ran.events.map((one) => one.event)).toEqual(expected)
    })
  })
}

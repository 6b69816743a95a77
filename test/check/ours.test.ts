import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ourFiles } from '../../scripts/ours.ts'

const root = mkdtempSync(join(tmpdir(), 'sluiceway-ours-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
writeFileSync(
  join(root, 'package.json'),
  JSON.stringify({ name: 'sluiceway', exports: { './destinations/kafka': './destinations/kafka.ts' } }),
)

test.each([
  ['a file that exports names', 'destinations/kafka.ts', true],
  ['a part of such a file, in a folder of its name', 'destinations/kafka/topic.ts', true],
  ['what stands nowhere near users', 'src/core/event.ts', true],
  ['a destination that exports does not name', 'destinations/chat.ts', false],
  ['a part of a user, in a folder of any other name', 'destinations/kafka-eu/topic.ts', false],
  ['a config', 'src/eu.config.ts', false],
])('the rules of the house know whose %s is', (_what, path, expected) => {
  expect(ourFiles(root)(path)).toBe(expected)
})

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

/** Where people keep secrets, by the names that wrangler, Node and this project's documents give them. */
const secret = [
  '.dev.vars',
  '.dev.vars.staging',
  '.env',
  '.env.local',
  '.env.production',
  '.env.production.local',
  'prod.env',
  '.secrets',
  '.sluiceway/secrets.json',
]
const shared = ['.dev.vars.example', '.env.example', 'config.ts']

test.each(['.gitignore', 'template/gitignore'])(
  '%s keeps every file with secrets out of git, and no example of one',
  (file) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluiceway-ignored-'))
    try {
      const git = (...args: string[]) => spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout
      git('init', '--quiet')
      copyFileSync(join(root, file), join(folder, '.gitignore'))
      const ignored = git('check-ignore', '--', ...secret, ...shared)
        .trim()
        .split('\n')
      expect(ignored).toEqual(secret)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

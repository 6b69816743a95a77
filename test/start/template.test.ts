import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'

const root = resolve(import.meta.dirname, '../..')
const read = (path: string) =>
  unstable_readConfig({ config: join(root, path) }, { hideWarnings: true }) as unknown as Record<string, unknown>

test('a folder of a user is deployed as the repository is, but for where the Worker, its config and its assets are', () => {
  const [ours, theirs] = [read('wrangler.toml'), read('template/wrangler.toml')]
  const differs = Object.keys({ ...ours, ...theirs }).filter(
    (key) => JSON.stringify(ours[key]) !== JSON.stringify(theirs[key]),
  )
  expect(differs.toSorted()).toEqual(['alias', 'assets', 'build', 'configPath', 'main', 'userConfigPath'].toSorted())
  const place = { directory: expect.stringMatching(/dist\/assets$/) as string }
  expect(theirs['assets']).toEqual({ ...(ours['assets'] as object), ...place })
})

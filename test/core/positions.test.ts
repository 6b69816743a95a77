import { expect, test } from 'vitest'
import { bundleAnchor, type Positions, stackMapper } from '../../src/core/positions.ts'
import { stackPort } from '../../src/platform/stack-port.ts'
import { fakePort } from '../support/fake-context.ts'

const positions: Positions = {
  anchor: '9:9',
  files: ['transforms/cents-to-euros.ts', 'config.ts'],
  lines: { 1: [10, 0, 12, 9, 40, -1, 0, 0], 3: [5, 1, 2, 1] },
}
const stack = [
  'TypeError: total is not a number (index.js:1:12)',
  '    at e (index.js:1:50)',
  '    at transformEvent (index.js:1:12)',
  '    at async file:///tmp/bundle/index.js:3:7',
  '    at stepOf (index.js:1:99)',
].join('\n')

function mapper(parts: { read?: () => Promise<string | undefined>; anchor?: string } = {}) {
  const shown: string[] = []
  const { read = async () => JSON.stringify(positions), anchor = '9:9' } = parts
  return { shown, map: stackMapper({ read, anchor, show: (text) => void shown.push(text) }) }
}

test('a stack shows the files and lines of users, without our frames below theirs', async () => {
  const { map, shown } = mapper()
  expect(await map(stack)).toBe(
    [
      'TypeError: total is not a number (index.js:1:12)',
      '    at e (index.js:1:50)',
      '    at transformEvent (transforms/cents-to-euros.ts:12:9)',
      '    at async config.ts:2:1',
    ].join('\n'),
  )
  expect(shown).toEqual([])
})

test('a stack stays as it is, and is shown once for each place, where the positions are those of another bundle', async () => {
  const { map, shown } = mapper({ anchor: '9:10' })
  for (let i = 0; i < 3; i++) expect(await map(stack)).toBe(stack)
  expect(shown).toEqual([stack])
})

test.each([
  ['are missing', async () => undefined],
  ['are empty', async () => ''],
  ['cannot be had', () => Promise.reject(new Error('no connection'))],
])('a stack stays as it is where the positions %s', async (_, read) => {
  expect(await mapper({ read }).map(stack)).toBe(stack)
})

test('positions that could not be had are asked for again, others are read once', async () => {
  let asked = 0
  const { map } = mapper({
    read: async () => {
      if (++asked === 1) throw new Error('no connection')
      return JSON.stringify(positions)
    },
  })
  expect(await map(stack)).toBe(stack)
  for (let i = 0; i < 3; i++) expect(await map(stack)).toContain('transforms/cents-to-euros.ts:12:9')
  expect(asked).toBe(2)
})

test('a text without a frame of the bundle, or with our frames alone, stays as it is', async () => {
  const { map } = mapper()
  for (const text of ['', 'not a number', 'Error: no\n    at x (node:internal:1:2)', 'Error\n    at e (index.js:1:50)'])
    expect(await map(text)).toBe(text)
})

test('a deployment reads its positions from the assets, the local server from a binding', async () => {
  const asked: string[] = []
  const ASSETS = {
    fetch: async (url: string) => {
      asked.push(new URL(url).pathname)
      return new Response(JSON.stringify({ ...positions, anchor: bundleAnchor }))
    },
  } as unknown as Fetcher
  const POSITIONS = JSON.stringify({ ...positions, anchor: bundleAnchor })
  for (const bindings of [{ ASSETS }, { ASSETS, POSITIONS }])
    expect(await stackPort(fakePort(), bindings).mapStack?.(stack)).toContain('transforms/cents-to-euros.ts:12:9')
  expect(asked).toEqual(['/admin/positions.json'])
})

// What docs/transforms-python.md says of Python is there, and what it says is missing is not.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { pythonLibrary } from '../../scripts/build/python.ts'
import { evaluated } from '../support/python.ts'

const home = resolve(import.meta.dirname, '../..')
const page = readFileSync(resolve(home, 'docs/transforms-python.md'), 'utf8')
const partOf = (heading: string): string => page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
const quoted = (text = ''): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

const rows = partOf('Modules that are there')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, modules, names]) => ({ modules: quoted(modules), names: quoted(names) }))
const documented = rows.flatMap(({ modules }) => modules)

test('every module that the page of Python names can be imported, with each of its names', () => {
  expect(documented.length).toBeGreaterThan(30)
  // One interpreter for all.
  const source = `
def missing():
    out = []
    for modules, names in rows:
        for module in modules:
            try:
                found = __import__(module)
            except ImportError:
                out.append(module)
                continue
            for part in module.split(".")[1:]:
                found = getattr(found, part)
            out.extend([module + "." + name for name in names if not hasattr(found, name)])
    return out
rows = ${JSON.stringify(rows.map(({ modules, names }) => [modules, names]))}`
  expect(evaluated('missing()', source)).toEqual([])
})

test('every module of ours in Python is on its page', () => {
  const ours = Object.keys(pythonLibrary(home))
    .map((path) => path.replace(/(?:\/__init__)?\.py$/, '').replaceAll('/', '.'))
    .filter((name) => !name.startsWith('_') && name !== 'urllib' && name !== 'requests')
  expect(ours.filter((name) => !documented.includes(name))).toEqual([])
})

test('what the page of Python says is not there cannot be imported, or is no syntax', () => {
  const [, modules = ''] = /^- (Nothing that is compiled.*)$/m.exec(partOf('What is not there, or different')) ?? []
  const names = quoted(modules)
  expect(names).toContain('numpy')
  const source = `
def there():
    out = []
    for name in ${JSON.stringify(names)}:
        try:
            __import__(name)
            out.append(name)
        except ImportError:
            pass
    return out`
  expect(evaluated('there()', source)).toEqual([])
  for (const code of [
    'match 1:\n    case 1:\n        pass',
    'type A = int',
    'try:\n    pass\nexcept* ValueError:\n    pass',
  ])
    expect(() => evaluated('1', code), code).toThrow('SyntaxError')
})

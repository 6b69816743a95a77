import { expect, test } from 'vitest'
import { documentAt, readSource, sectionOf } from '../support/documents.ts'

const page = documentAt('docs/admin-api.md')
const described = Array.from(page.prose.matchAll(/^### ([A-Z]+ \/admin\S*)$/gm), ([, route = '']) => route)

test('every admin route is described once, and no other', () => {
  const [, table = ''] = /const routes: [^=]+= \{\n([^]*?)\n\}/.exec(readSource('src/admin/app.ts')) ?? []
  const routes = Array.from(table.matchAll(/^ {2}'([^']+)': \{([^}]*)\}/gm), ([, path = '', verbs = '']) =>
    Array.from(verbs.matchAll(/\b([A-Z]+):/g), ([, verb = '']) => `${verb} /admin${path}`),
  ).flat()
  expect(routes.length).toBeGreaterThan(15)
  expect(described.toSorted()).toEqual(routes.toSorted())
})

test.each(described)('%s has a request with its verb and path, and an answer', (route) => {
  const section = sectionOf(page, `### ${route}`)
  const [verb = '', path = ''] = route.split(' ')
  const requested = new RegExp(`"\\$URL${path.replaceAll(/:\w+/g, String.raw`[\w$]+`)}(\\?[^"]*)?"`)
  const calls = section.split('\n').filter((line) => line.startsWith('curl ') && requested.test(line))
  expect(calls.filter((call) => (verb === 'GET' ? !call.includes(' -X ') : call.includes(` -X ${verb} `)))).not.toEqual(
    [],
  )
  expect(section).toContain('```json\n')
})

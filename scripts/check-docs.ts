// Protects readers: everything that we export says in one form what it is or does, and how it fails. What a user adds to
// destinations/, sources/ and transforms/ is the user's own (see ours.ts).
// The form: a sentence that begins with a capital and ends like one; functions that fail name the code and a @param or @returns.
import { globSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { isUserLand, ourFiles, written } from './ours.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
/** The share of exports that must have a docstring, in percent. */
const least = 97
const codes = new Set(
  Array.from(
    /type ErrorCode =([^]*?)\n\n/.exec(read('src/core/errors.ts'))?.[1]?.matchAll(/'(\w+)'/g) ?? [],
    ([, code]) => code,
  ),
)

/** A docstring if there is one, then what is exported. The docstring holds no end of comment within. */
const exported =
  /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^export (?:default )?(?:async )?(function\*?|class|interface|type|const) (\w+)/gm
const problems: string[] = []
const bare: string[] = []
let all = 0

const isOurs = ourFiles(root)
/** Lines of a file: what oxlint says of all others, but not of what stands beside users' files. */
const mostLines = 300

for (const found of globSync(`{src,destinations,sources,transforms}/**/*.${written}`, { cwd: root })) {
  const file = found.split(sep).join('/')
  if (file.includes('/assets/') || !isOurs(file)) continue
  const text = read(file)
  if (isUserLand(file) && text.split('\n').length > mostLines)
    problems.push(`${file}: has more than ${mostLines} lines`)
  for (const { 1: doc, 2: kind = '', 3: name = '', index } of text.matchAll(exported)) {
    const line = text.slice(0, index).split('\n').length
    const complain = (what: string) => problems.push(`${file}:${line}: ${name} ${what}`)
    all++
    if (doc === undefined) {
      bare.push(`${file}:${line}: ${name} has no docstring`)
      continue
    }
    const body = doc.replaceAll(/^\s*(?:\/\*\*|\*\/|\* ?)|\*\/\s*$/gm, '').trim()
    const [first = ''] = body.split(/\n\s*\n|\n@/)
    if (!/^[A-Z`"'{0-9]/.test(first)) complain('must begin with a sentence')
    if (!/[.:;)!?`|]$/.test(first.trim())) complain('must end its first paragraph like a sentence')
    if (kind.startsWith('function') && /^@throws/m.test(body) && !/^@(param|returns)/m.test(body))
      complain('says how it fails, but neither @param nor @returns')
    for (const [, type, code = ''] of body.matchAll(/^@throws (\{\w+\})?\s*`?(\w+)/gm))
      if (type === '{SluicewayError}' && !codes.has(code) && !/^(as|what)$/.test(code))
        complain(`must name an ErrorCode: @throws {SluicewayError} code, not "${code}"`)
    for (const [, parameter = ''] of body.matchAll(/^@param (\S+)/gm))
      if (!text.slice(index).includes(parameter)) complain(`documents a parameter that it has not: ${parameter}`)
  }
  if (file.startsWith('destinations') && !/https:\/\/\S+[^]*?20\d\d-\d\d-\d\d/.test(text))
    problems.push(`${file}: needs a link to the vendor's page and the date (YYYY-MM-DD) at which it was checked`)
}

const share = (100 * (all - bare.length)) / all
if (share < least) problems.push(...bare)
const theirs = globSync(`{destinations,sources,transforms}/**/*.${written}`, { cwd: root })
  .map((found) => found.split(sep).join('/'))
  .filter((file) => !isOurs(file))
if (theirs.length > 0)
  console.log(`docs: not looked at, since "exports" of package.json does not name it: ${theirs.toSorted().join(', ')}`)
for (const problem of problems) console.error(problem)
console.log(`docs: ${share.toFixed(1)} % of ${all} exports say what they do (at least ${least})`)
process.exitCode = problems.length === 0 ? 0 : 1

// Protects readers: what is exported where contracts and drivers live says in one form what it does and how it fails.
// A const that is exported needs no docstring, but the one that it has is held to the same form.
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const codes = new Set(
  Array.from(
    /type ErrorCode =([^]*?)\n\n/.exec(read('src/core/errors.ts'))?.[1]?.matchAll(/'(\w+)'/g) ?? [],
    ([, code]) => code,
  ),
)

/** A docstring if there is one, then what is exported. The docstring holds no end of comment within. */
const exported =
  /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^export (?:default )?(?:async )?(function|class|interface|const) (\w+)/gm
const problems: string[] = []

for (const file of globSync('{src/core,src/streams,src/warehouses,destinations,transforms}/**/*.{ts,js}', {
  cwd: root,
})) {
  const text = read(file)
  for (const { 1: doc, 2: kind = '', 3: name = '', index } of text.matchAll(exported)) {
    const line = text.slice(0, index).split('\n').length
    const complain = (what: string) => problems.push(`${file}:${line}: ${name} ${what}`)
    if (doc === undefined) {
      if (kind !== 'const') complain('has no docstring')
      continue
    }
    const body = doc.replaceAll(/^\s*(?:\/\*\*|\*\/|\* ?)|\*\/\s*$/gm, '').trim()
    const [first = ''] = body.split(/\n\s*\n|\n@/)
    if (!/^[A-Z`"'{0-9]/.test(first)) complain('must begin with a sentence')
    if (!/[.:;)!?`|]$/.test(first.trim())) complain('must end its first paragraph like a sentence')
    if (kind === 'function' && /^@throws/m.test(body) && !/^@(param|returns)/m.test(body))
      complain('says how it fails, but neither @param nor @returns')
    for (const [, type, code = ''] of body.matchAll(/^@throws (\{\w+\})?\s*`?(\w+)/gm))
      if (type !== '{SluicewayError}' || !codes.has(code))
        complain(`must name an ErrorCode: @throws {SluicewayError} code, not "${type ?? ''} ${code}"`)
    for (const [, parameter = ''] of body.matchAll(/^@param (\S+)/gm))
      if (!text.slice(index).includes(parameter)) complain(`documents a parameter that it has not: ${parameter}`)
  }
  if (file.startsWith('destinations') && !/https:\/\/\S+[^]*?20\d\d-\d\d-\d\d/.test(text))
    problems.push(`${file}: needs a link to the vendor's page and the date (YYYY-MM-DD) at which it was checked`)
}

for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'docs: all say what they do' : `docs: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

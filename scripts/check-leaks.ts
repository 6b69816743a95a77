// Protects strangers who clone this: nothing committed names the machine that it was written on, or a registry of its own.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' })
const official = 'https://registry.npmjs.org/'
const registry = execFileSync('npm', ['config', 'get', 'registry'], { cwd: root, encoding: 'utf8' }).trim()

const machinePath = new RegExp(`(?<![\\w.}/:-])/(?:${['home', 'Users', 'work', 'root'].join('|')})/\\w`)
const leaks: readonly { readonly what: string; readonly isIn: (line: string) => boolean }[] = [
  { what: 'an absolute path of a machine', isIn: (line) => machinePath.test(line) },
  { what: 'the folder of this repository', isIn: (line) => line.includes(root) },
  { what: 'the home folder of this user', isIn: (line) => homedir().length > 2 && line.includes(`${homedir()}/`) },
  ...(registry.startsWith(official) || !URL.canParse(registry)
    ? []
    : [{ what: 'the registry of this machine', isIn: (line: string) => line.includes(new URL(registry).host) }]),
]
const problems: string[] = []

for (const file of git('ls-files', '-z').split('\0').filter(Boolean)) {
  const lines = readText(resolve(root, file)).split('\n')
  for (const [i, line] of lines.entries())
    for (const { what, isIn } of leaks) if (isIn(line)) problems.push(`${file}:${i + 1}: names ${what}`)
}

const lock = JSON.parse(readText(resolve(root, 'package-lock.json'))) as {
  packages: Record<string, { resolved?: string }>
}
for (const [name, { resolved }] of Object.entries(lock.packages))
  if (resolved !== undefined && !resolved.startsWith(official))
    problems.push(`package-lock.json: ${name} comes from ${resolved}, not from ${official}`)

for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'leaks: none' : `leaks: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** A file that git knows but that was removed is as good as empty. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

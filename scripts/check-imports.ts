// Protects the direction of dependencies: core knows nobody, a folder knows only those that stand before it on the way of an
// event, and only the config and the entry know all. A file's own folder is always allowed, and so is core.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { ourFiles, written } from './ours.ts'
import { publicImports } from './public-imports.ts'

const root = resolve(import.meta.dirname, '..')

interface Rule {
  /** Folders or files beside core and the own one. */
  readonly may: readonly string[]
  /** Packages; left out where any may be used. */
  readonly packages?: readonly string[]
  /** True where routes are. */
  readonly hono?: true
}

/** The table of ARCHITECTURE.md, "Who may import whom". */
const rules: Readonly<Record<string, Rule>> = {
  'src/core': { may: [], packages: [] },
  'src/platform': { may: [], packages: ['node:zlib'] },
  'src/storage': { may: [], packages: ['node:buffer', 'node:zlib'] },
  'src/configure': { may: [], packages: [] },
  'src/avro': { may: [] },
  'src/registry': { may: ['src/avro', 'src/configure'] },
  'src/privacy': { may: [] },
  'src/enrichment': { may: [] },
  'src/transforms': { may: ['src/configure'] },
  'src/admission': { may: ['src/platform', 'src/storage'] },
  'src/spill': { may: ['src/storage'] },
  'src/fronts': { may: ['src/configure'] },
  'src/sources': { may: ['src/configure', 'src/storage'] },
  'src/kafka': { may: [], packages: [] },
  'src/topics': { may: ['src/platform', 'src/storage'], hono: true },
  'src/streams': { may: ['src/configure', 'src/kafka', 'src/platform', 'src/storage', 'src/topics'] },
  // Its own door, a CommonJS file, is the only way to the packages of the library.
  'src/library': { may: ['src/configure', 'src/platform', 'src/transforms'], packages: ['@segment/actions-core'] },
  'src/warehouses': { may: ['src/avro', 'src/configure', 'src/platform'] },
  'src/edge': {
    may: ['src/admission', 'src/enrichment', 'src/privacy', 'src/spill', 'src/transforms'],
  },
  'src/archive': { may: [] },
  'src/lanes': {
    may: ['src/archive', 'src/enrichment', 'src/platform', 'src/privacy', 'src/storage', 'src/transforms'],
  },
  // The mapping is pure; the engines stay out of reach.
  'src/loading': { may: ['src/platform', 'src/privacy', 'src/storage', 'src/warehouses/mapping'] },
  'src/schedule': { may: ['src/spill'] },
  'src/polling': { may: ['src/edge', 'src/kafka', 'src/platform', 'src/storage'] },
  'src/observe': { may: ['src/spill'] },
  'src/ingest': {
    may: ['src/edge', 'src/enrichment', 'src/observe', 'src/platform', 'src/privacy'],
    hono: true,
  },
  // Its calls do by hand what the schedule does.
  'src/admin': {
    may: [
      'src/admission',
      'src/edge',
      'src/enrichment',
      'src/platform',
      'src/schedule',
      'src/spill',
      'src/storage',
      'src/topics',
      'src/transforms',
    ],
    hono: true,
  },
  'src/console': { may: ['src/storage'], hono: true },
  // A few re-exports each; see "exports" in package.json.
  'src/public': {
    may: ['src/avro', 'src/configure', 'src/privacy', 'src/registry', 'src/storage', 'src/transforms', 'src/worker.ts'],
  },
  // What users write; see public-imports.ts.
  destinations: { may: [], packages: ['aws4fetch'] },
  sources: { may: [] },
  transforms: { may: [] },
  template: { may: [] },
}

const imports = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g
const problems: string[] = []
const publicProblem = publicImports(root)
const isOurs = ourFiles(root)

for (const file of globSync(`{src,destinations,sources,transforms,template}/**/*.${written}`, { cwd: root })) {
  const path = file.split(sep).join('/')
  const folder = path
    .split('/')
    .slice(0, path.startsWith('src/') ? 2 : 1)
    .join('/')
  const rule = rules[folder]
  if (rule === undefined && folder !== path)
    problems.push(`${path}: the folder ${folder} has no rule in scripts/check-imports.ts`)
  for (const [, to = ''] of readFileSync(join(root, path), 'utf8').matchAll(imports)) {
    const unknown = publicProblem(path, to)
    if (unknown !== undefined) problems.push(unknown)
    // What a user's file may import beside that is up to the user.
    else if (!isOurs(path) && !path.startsWith('src/')) continue
    else if (rule === undefined || /^sluiceway(\/|$)/.test(to)) continue
    else if (to.startsWith('.')) {
      const target = relative(root, resolve(root, dirname(path), to))
        .split(sep)
        .join('/')
      const allowed = [folder, 'src/core', ...rule.may].some(
        (other) => target === other || target.startsWith(`${other}/`),
      )
      if (!allowed) problems.push(`${path}: ${folder} may not import ${target}`)
    } else if (rule.packages?.includes(to) === false || (/^hono(\/|$)/.test(to) && rule.hono !== true))
      problems.push(`${path}: ${folder} may not import the package ${to}`)
  }
}

problems.push(...circles().map((circle) => `folders import each other in a circle: ${circle}`))

for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'imports: all go one way' : `imports: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** Circles in the table itself. */
function circles(): string[] {
  const found: string[] = []
  const visit = (folder: string, way: readonly string[]) => {
    if (way.includes(folder)) found.push([...way, folder].join(' → '))
    else for (const next of rules[folder]?.may ?? []) visit(next.split('/').slice(0, 2).join('/'), [...way, folder])
  }
  for (const folder of Object.keys(rules)) visit(folder, [])
  return found
}

// Protects the direction of dependencies: core knows nobody, drivers know core, and only the config and the entry know all.
// The table is the one of "who may import whom" in the architecture; a file's own folder is always allowed.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const surface = { folders: ['src/core', 'src/pipeline'], hono: true }

/** `packages` is left out where any may be used. */
const rules: Readonly<Record<string, { folders: readonly string[]; packages?: readonly string[]; hono?: boolean }>> = {
  'src/core': { folders: [], packages: ['valibot', 'node:zlib'] },
  'src/streams': { folders: ['src/core'] },
  'src/warehouses': { folders: ['src/core'] },
  'src/sources': { folders: ['src/core'] },
  'src/transforms': { folders: ['src/core'] },
  destinations: { folders: ['src/core'], packages: [] },
  transforms: { folders: ['src/core'] },
  'src/pipeline': { folders: ['src/core', 'src/transforms'] },
  'src/ingest': surface,
  // Its calls do by hand what the schedule does.
  'src/admin': { ...surface, folders: [...surface.folders, 'src/schedule'] },
  'src/console': surface,
  // The loader turns staged events into rows; the mapping is pure, the engines stay out of reach.
  'src/schedule': {
    ...surface,
    folders: [...surface.folders, 'src/warehouses/mapping.ts', 'src/warehouses/row.ts', 'src/warehouses/fit.ts'],
  },
  'src/observe': surface,
}

const imports = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g
const problems: string[] = []

for (const file of globSync('{src,destinations,transforms}/**/*.ts', { cwd: root })) {
  const path = file.split(sep).join('/')
  const folder = path
    .split('/')
    .slice(0, path.startsWith('src/') ? 2 : 1)
    .join('/')
  const rule = rules[folder]
  if (rule === undefined) {
    if (folder !== path) problems.push(`${path}: the folder ${folder} has no rule in scripts/check-imports.ts`)
    continue
  }
  for (const [, to = ''] of readFileSync(join(root, path), 'utf8').matchAll(imports)) {
    if (to.startsWith('.')) {
      const target = relative(root, resolve(root, dirname(path), to))
        .split(sep)
        .join('/')
      const allowed = [folder, ...rule.folders].some((other) => target === other || target.startsWith(`${other}/`))
      if (!allowed) problems.push(`${path}: ${folder} may not import ${target}`)
    } else if (rule.packages?.includes(to) === false || (/^hono(\/|$)/.test(to) && rule.hono !== true))
      problems.push(`${path}: ${folder} may not import the package ${to}`)
  }
}

for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'imports: all go one way' : `imports: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

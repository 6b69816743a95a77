import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeDevVars } from './dev/dev-vars.ts'

interface Options {
  /** The user's folder. */
  readonly root: string
  /** Our package, which holds the template. */
  readonly home: string
  readonly say: (line: string) => void
}

const scripts: Readonly<Record<string, string>> = {
  start: 'sluiceway start',
  test: 'sluiceway transforms test --cases && node --test',
  deploy: 'sluiceway check && wrangler deploy',
}

/** What `npm init` writes into every package.json, which nobody has chosen. */
const placeholder = 'echo "Error: no test specified" && exit 1'

/**
 * Makes a folder of a user's own: copies the template, gives package.json the type of its modules and its scripts, and makes
 * keys for `wrangler dev`.
 *
 * Files that are there stay as they are, and so do scripts: repeating it is harmless.
 *
 * @param options where, from where, and whom to tell
 */
export function init({ root, home, say }: Options): void {
  const template = join(home, 'template')
  const files = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const from of files) {
    // npm packs no file of the name .gitignore.
    const name = from.slice(template.length + 1).replace(/^gitignore$/, '.gitignore')
    const to = join(root, name)
    if (existsSync(to)) {
      say(`${name} is there already; it stays as it is`)
      continue
    }
    mkdirSync(dirname(to), { recursive: true })
    cpSync(from, to)
    say(`${name} made`)
  }
  const file = join(root, 'package.json')
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '{ "private": true }'
  const after = `${JSON.stringify(completed(JSON.parse(before) as Package), null, 2)}\n`
  if (after !== before) {
    writeFileSync(file, after)
    say('package.json: modules, imports and scripts')
  }
  makeDevVars({ root, say })
  say('\nNow: npm start, or npx wrangler dev')
}

interface Package {
  readonly type?: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly imports?: Readonly<Record<string, unknown>>
}

/** What the build makes of `transforms/`, by the names that the config imports. */
const imports: Package['imports'] = {
  '#transforms/*': {
    types: 'sluiceway/built-transform',
    default: './dist/transforms/*.js',
  },
}

/** Config, transforms and destinations are modules, which Node takes them for only where package.json says so. */
function completed(found: Package): Package {
  const own = Object.entries(found.scripts ?? {}).filter(([, command]) => command !== placeholder)
  return {
    ...found,
    type: 'module',
    imports: { ...imports, ...found.imports },
    scripts: { ...scripts, ...Object.fromEntries(own) },
  }
}

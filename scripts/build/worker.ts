import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, extname, join, relative, sep } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { V4WorkerOptionsShape } from 'miniflare'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { freshHash, hashOf, writeRecord, writeWhole } from './record.ts'

interface Module {
  readonly type: 'ESModule' | 'CompiledWasm' | 'Data' | 'Text'
  readonly path: string
  readonly contents: string | Uint8Array<ArrayBuffer>
}

/** The Worker as it would be deployed. */
export interface WorkerBuild {
  /** Folder that wrangler wrote. */
  readonly folder: string
  /** The first one is the entry. */
  readonly modules: readonly Module[]
  /** What wrangler.toml binds, as Miniflare takes it. */
  readonly options: V4WorkerOptionsShape
}

/** Whatever else decides about a build; its sources are known from the build before. */
const settings = ['wrangler.toml', 'package-lock.json', 'tsconfig.json', 'scripts/build/worker.ts']

const moduleTypes: Readonly<Record<string, Module['type']>> = {
  '.js': 'ESModule',
  '.mjs': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.bin': 'Data',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
}

interface Options {
  /** The repository. */
  readonly root: string
  /** Absolute path of a config that takes the place of src/config.ts. */
  readonly config?: string | undefined
  readonly say: (line: string) => void
}

/**
 * Bundles the Worker with wrangler, exactly as a deployment would, unless the last bundle is still right.
 *
 * @param options the repository, the config to build in, and whom to tell
 * @returns the bundle and the bindings of wrangler.toml
 * @throws {SluicewayError} config_invalid when the config does not exist or anything does not build
 */
export async function buildWorker(options: Options): Promise<WorkerBuild> {
  const { root, config } = options
  if (config !== undefined && !existsSync(config))
    throw new SluicewayError('config_invalid', `There is no config at ${config}`)
  const name = config === undefined ? 'main' : createHash('sha256').update(config).digest('hex').slice(0, 12)
  const builds = join(root, 'dist/worker', name)
  const record = join(builds, 'build.json')
  const fresh = freshHash(root, record)
  if (fresh !== undefined && existsSync(join(builds, fresh, 'index.js'))) return load(join(builds, fresh))

  options.say('Building the Worker …')
  const entry = config === undefined ? undefined : writeEntry(root, { name, config })
  const draft = join(root, 'dist/drafts', randomUUID())
  bundle(root, { draft, entry })
  const inputs = [...settings, ...sourcesOf(draft)].filter((path) => !path.startsWith('node_modules'))
  const hash = hashOf(root, inputs)
  const folder = join(builds, hash)
  await writeBindings(root, draft)
  keep(draft, folder)
  writeRecord(record, { inputs, hash })
  forgetOld(builds, hash)
  return load(folder)
}

/** Another start may have built the same meanwhile, and be reading it. */
function keep(draft: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true })
  if (!existsSync(folder)) renameSync(draft, folder)
  else rmSync(draft, { recursive: true })
}

/** Others may still be reading what they found a moment ago. */
function forgetOld(builds: string, hash: string): void {
  const hourAgo = Date.now() - 3_600_000
  for (const { name } of readdirSync(builds, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const folder = join(builds, name)
    if (name !== hash && statSync(folder).mtimeMs < hourAgo) rmSync(folder, { recursive: true, force: true })
  }
}

/** The entry is src/index.ts with another config, so that nothing else can differ. */
function writeEntry(root: string, { name, config }: { readonly name: string; readonly config: string }): string {
  const entry = join(root, 'dist/entries', name, 'index.ts')
  const from = (path: string) => {
    const way = relative(dirname(entry), path).split(sep).join('/')
    return way.startsWith('.') ? way : `./${way}`
  }
  const source = readFileSync(join(root, 'src/index.ts'), 'utf8')
  const text = source
    .replaceAll(/(['"])\.\/config\.ts\1/g, () => JSON.stringify(from(config)))
    .replaceAll(
      /(from\s+)(['"])\.\/(.+?)\2/g,
      (_, word: string, _quote, path: string) => `${word}${JSON.stringify(from(join(root, 'src', path)))}`,
    )
  if (!text.includes(JSON.stringify(from(config))))
    throw new SluicewayError('internal', "src/index.ts must import './config.ts', which --config replaces")
  writeWhole(entry, text)
  return entry
}

function bundle(root: string, { draft, entry }: { readonly draft: string; readonly entry: string | undefined }): void {
  mkdirSync(draft, { recursive: true })
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      'node_modules/wrangler/bin/wrangler.js',
      'deploy',
      ...(entry === undefined ? [] : [entry]),
      '--dry-run',
      '--outdir',
      draft,
      '--metafile',
      join(draft, 'meta.json'),
    ],
    { cwd: root, encoding: 'utf8', env: { ...process.env, ...quiet } },
  )
  if (status === 0) return
  rmSync(draft, { recursive: true, force: true })
  throw new SluicewayError(
    'config_invalid',
    `The Worker does not build:\n${stripVTControlCharacters(`${stderr}\n${stdout}`).trim()}`,
  )
}

/** Keeps wrangler from calling anybody, and its output plain. */
const quiet = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_LOG: 'warn',
  WRANGLER_WRITE_LOGS: 'false',
  FORCE_COLOR: '0',
  CI: '1',
}

const sourcesOf = (folder: string): string[] =>
  Object.keys((JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as { inputs: object }).inputs)

async function writeBindings(root: string, folder: string): Promise<void> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler')
  const config = unstable_readConfig({ config: join(root, 'wrangler.toml') }, { hideWarnings: true })
  // wrangler looks for .dev.vars beside the config, says on stdout that it read it, and warns of secrets that it found nowhere:
  // here it finds none and misses none.
  const { workerOptions } = unstable_getMiniflareWorkerOptions({
    ...config,
    secrets: undefined,
    userConfigPath: join(folder, 'wrangler.toml'),
  })
  const { modulesRules: _, ...options } = workerOptions
  // Not what wrangler found in .env or .dev.vars: a secret has no place in a build.
  writeWhole(
    join(folder, 'options.json'),
    JSON.stringify({ ...options, rootPath: root, bindings: config.vars }, null, 2),
  )
}

function load(folder: string): WorkerBuild {
  try {
    const modules = globSync('**/*', { cwd: folder })
      .flatMap((path): Module[] => {
        const type = moduleTypes[extname(path)]
        const file = join(folder, path)
        if (type === undefined) return []
        const text = type === 'ESModule' || type === 'Text'
        return [{ type, path: file, contents: text ? readFileSync(file, 'utf8') : new Uint8Array(readFileSync(file)) }]
      })
      .toSorted((a, b) => Number(b.path === join(folder, 'index.js')) - Number(a.path === join(folder, 'index.js')))
    const options = JSON.parse(readFileSync(join(folder, 'options.json'), 'utf8')) as WorkerBuild['options']
    return { folder, modules, options }
  } catch (thrown) {
    throw new SluicewayError('internal', `The build in ${folder} cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }
}

import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { V4WorkerOptionsShape } from 'miniflare'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { positionsPath } from '../../src/core/positions.ts'
import { publicNames } from '../public-names.ts'
import { positionsOf } from './positions.ts'
import { buildTransforms } from './transforms.ts'
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
  /** JSON of the `Positions` that stacks are shown by; '' where they are not known. */
  readonly positions: string
}

/** Where a Worker is built. In the repository all three lie in one folder. */
export interface Place {
  /** The folder of wrangler.toml: the repository, or a folder of a user's own. */
  readonly root: string
  /** The folder of our package.json: the repository, or the package below the user's `node_modules`. */
  readonly home: string
  /** Folder that builds are kept in. */
  readonly builds: string
}

/** Whatever else decides about a build; its sources are known from the build before. */
const settings = ['wrangler.toml', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.base.json']

/** Beside the bundle. */
const positionsFile = 'positions.json'

const moduleTypes: Readonly<Record<string, Module['type']>> = {
  '.js': 'ESModule',
  '.mjs': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.bin': 'Data',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
}

/** Decides about a build, too; where it is bundled into this file, it is not there. */
const positionsCode = join(import.meta.dirname, 'positions.ts')

interface Options extends Place {
  /** Absolute path of a config that takes the place of the one that wrangler.toml or package.json names. */
  readonly config?: string | undefined
  /** What else is deployed than `wrangler deploy` in `root` would. */
  readonly deploy?: Deployment
  readonly say: (line: string) => void
}

/** What `wrangler deploy` is told. */
interface Deployment {
  /** Absolute path of wrangler.toml. */
  readonly file: string
  /** The environment of wrangler.toml. */
  readonly env: string | undefined
  /** More arguments. */
  readonly args: readonly string[]
}

/**
 * Bundles the Worker with wrangler, exactly as a deployment would, unless the last bundle is still right.
 *
 * @param options where, the config to build in, and whom to tell
 * @returns the bundle and the bindings of wrangler.toml
 * @throws {SluicewayError} config_invalid when the config does not exist or anything does not build
 */
export async function buildWorker(options: Options): Promise<WorkerBuild> {
  const { root, home, config } = options
  if (config !== undefined && !existsSync(config))
    throw new SluicewayError('config_invalid', `There is no config at ${config}`)
  const file = options.deploy?.file ?? join(root, 'wrangler.toml')
  const args = argsOf(root, options.deploy)
  const name =
    config === undefined && args.length === 0
      ? 'main'
      : createHash('sha256')
          .update([config, ...args].join('\0'))
          .digest('hex')
          .slice(0, 12)
  const builds = join(options.builds, 'worker', name)
  const transforms = await buildTransforms({ root, home, say: options.say })
  const record = join(builds, 'build.json')
  const fresh = freshHash(root, record)
  if (fresh !== undefined && existsSync(join(builds, fresh, 'index.js'))) return load(join(builds, fresh))

  options.say('Building the Worker …')
  const draft = join(options.builds, 'drafts', randomUUID())
  bundle(root, { draft, aliases: config === undefined ? {} : aliasesFor({ root, home, config, transforms }), args })
  const inputs = [...settings, relative(root, file), import.meta.filename, positionsCode, ...sourcesOf(draft)].filter(
    (path) => !isLocked(path),
  )
  const hash = hashOf(root, inputs)
  const folder = join(builds, hash)
  await writeBindings(draft, { root, file, env: options.deploy?.env })
  writeWhole(join(draft, positionsFile), JSON.stringify(positionsOf({ folder: draft, root, home }) ?? ''))
  keep(draft, folder)
  writeRecord(record, { inputs, hash })
  forgetOld(builds, hash)
  return load(folder)
}

/** What the lock file tells apart. Our own files are no part of it: they may come from a link or an unchanged version. */
const isLocked = (path: string): boolean => /^node_modules\/(?!sluiceway\/)/.test(path)

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

/**
 * What a build with another config resolves otherwise. A config may lie anywhere, where our names lead nowhere or to another
 * version.
 */
const aliasesFor = ({
  root,
  home,
  config,
  transforms,
}: Pick<Place, 'root' | 'home'> & {
  readonly config: string
  /** Names of those that were built. */
  readonly transforms: readonly string[]
}): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(publicNames(home)),
  ...Object.fromEntries(transforms.map((name) => [`#transforms/${name}`, join(root, 'dist/transforms', `${name}.js`)])),
  '#config': config,
})

const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js')

interface BundleOptions {
  readonly draft: string
  /** Paths by what imports name. */
  readonly aliases: Readonly<Record<string, string>>
  readonly args: readonly string[]
}

function argsOf(root: string, deployment: Deployment | undefined): string[] {
  if (deployment === undefined) return []
  const { file, env, args } = deployment
  return [
    ...args,
    ...(file === join(root, 'wrangler.toml') ? [] : ['--config', file]),
    ...(env === undefined ? [] : ['--env', env]),
  ]
}

function bundle(root: string, { draft, aliases, args }: BundleOptions): void {
  mkdirSync(draft, { recursive: true })
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      wrangler,
      'deploy',
      ...args,
      '--dry-run',
      '--outdir',
      draft,
      '--metafile',
      join(draft, 'meta.json'),
      ...Object.entries(aliases).flatMap(([name, path]) => ['--alias', `${name}:${path}`]),
    ],
    { cwd: root, encoding: 'utf8', env: { ...process.env, ...quiet } },
  )
  if (status === 0) return
  rmSync(draft, { recursive: true, force: true })
  const said = stripVTControlCharacters(`${stderr}\n${stdout}`).trim()
  throw new SluicewayError('config_invalid', `The Worker does not build:\n${said}${aboutExport(said)}`)
}

/** The bundler speaks of imports; whoever wrote a config has forgotten an export. */
const aboutExport = (said: string): string =>
  /No matching export in .* for import "default"/.test(said)
    ? '\nThe config must have "export default defineConfig((env) => ({ … }))".'
    : ''

/** Set where a build of ours runs wrangler: the build command of wrangler.toml shall not check the config in turn. */
export const nested = 'SLUICEWAY_NESTED'

/**
 * Puts the positions of a bundle among the assets, from where a deployment reads them: wrangler uploads these after it has
 * bundled.
 *
 * @param home the folder of our package.json
 * @param build what is deployed
 */
export const writePositions = (home: string, { positions }: WorkerBuild): void =>
  writeWhole(join(home, 'dist/assets', positionsPath), positions)

/** Keeps wrangler from calling anybody, and its output plain. */
const quiet = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_LOG: 'warn',
  WRANGLER_WRITE_LOGS: 'false',
  FORCE_COLOR: '0',
  [nested]: '1',
  CI: '1',
}

const sourcesOf = (folder: string): string[] =>
  Object.keys((JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as { inputs: object }).inputs)

async function writeBindings(
  folder: string,
  { root, file, env }: { readonly root: string; readonly file: string; readonly env: string | undefined },
): Promise<void> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler')
  const config = unstable_readConfig({ config: file, env }, { hideWarnings: true })
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
    const modules = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .flatMap((path): Module[] => {
        const type = moduleTypes[extname(path)]
        const file = join(folder, path)
        if (type === undefined) return []
        const text = type === 'ESModule' || type === 'Text'
        return [{ type, path: file, contents: text ? readFileSync(file, 'utf8') : new Uint8Array(readFileSync(file)) }]
      })
      .toSorted((a, b) => Number(b.path === join(folder, 'index.js')) - Number(a.path === join(folder, 'index.js')))
    const options = JSON.parse(readFileSync(join(folder, 'options.json'), 'utf8')) as WorkerBuild['options']
    const positions = readFileSync(join(folder, positionsFile), 'utf8')
    return { folder, modules, options, positions: positions === '""' ? '' : positions }
  } catch (thrown) {
    throw new SluicewayError('internal', `The build in ${folder} cannot be read: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }
}

// Runs a script of this repository on the Node that package.json pins, after installing what is missing.
//
//   node scripts/bootstrap.mjs                      install what is missing
//   node scripts/bootstrap.mjs scripts/start.ts …   and run a script with the arguments that follow
//   node -- scripts/bootstrap.mjs …                 for a script with an option of Node's name, such as --env-file
//
// It is plain JavaScript with Node's own modules only, because it runs before anything is installed, on any Node from 20 on.
// Everything it prints goes to stderr: stdout belongs to the script.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const [script, ...args] = process.argv.slice(2)

if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`Sluiceway needs Node 20 or newer; this is ${process.version}.`)

const missing = whatIsMissing()
if (missing !== undefined) install(missing)
if (script !== undefined) await run(resolve(root, script))

/** Compares what is installed with the lock file: times would differ after every checkout. */
function whatIsMissing() {
  const installed = readLock(resolve(root, 'node_modules/.package-lock.json'))
  if (installed === undefined) return 'the dependencies'
  const wanted = readLock(resolve(root, 'package-lock.json')) ?? {}
  const changed = Object.entries(wanted).filter(([path, entry]) => {
    const found = installed[path]
    if (path === '') return false
    return found === undefined ? entry.optional !== true : found.version !== entry.version
  })
  return changed.length === 0
    ? undefined
    : `${changed.length} changed ${changed.length === 1 ? 'dependency' : 'dependencies'}`
}

function readLock(path) {
  if (!existsSync(path)) return undefined
  return JSON.parse(readFileSync(path, 'utf8')).packages
}

function install(what) {
  // `npm ci` empties the folder: behind a link it is somebody else's.
  if (lstatSync(resolve(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink())
    fail(`${what} must be installed, but node_modules is a link to another folder: install there, or remove the link.`)
  process.stderr.write(`Installing ${what} (npm ci) …\n`)
  const npm = process.env.npm_execpath
  // Not warnings: several packages need a newer Node than the machine may have, and get it (the pinned one).
  const ci = ['ci', '--loglevel=error']
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...ci], options)
    : spawnSync('npm', ci, { ...options, shell: process.platform === 'win32' })
  if (error !== undefined) fail(`npm could not be started: ${error.message}`)
  if (status !== 0) fail('npm ci failed; its messages are above.')
}

/** In this process when it already is the pinned Node, else in one that is. */
async function run(path) {
  endWithNpm()
  const node = resolve(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(node))
    fail('The Node that package.json pins is not installed. Run `npm ci` with install scripts allowed, then try again.')
  if (realpathSync(process.execPath) === realpathSync(node)) {
    process.argv = [process.execPath, path, ...args]
    await import(pathToFileURL(path).href)
    return
  }
  // Without "--", Node looks for its own options behind the script as well: --env-file is one.
  const child = spawn(node, ['--', path, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`Node could not be started: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}

/** npm passes a signal to the shell between, which dies of it and passes nothing on. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 200).unref()
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { commandOf } from './process.ts'

/** Grows when an older Sluiceway could no longer read what a newer one wrote. */
const version = 1

/** Made once for a state folder. */
export interface Secrets {
  readonly writeKey: string
  readonly adminToken: string
  readonly webhookSecret: string
}

/** What `running.json` in the state folder says while it is served. */
export interface Running {
  readonly pid: number
  /** Changes when the runtime is restarted after a crash. */
  readonly workerdPid?: number | undefined
  readonly url?: string
}

/** A state folder that this process holds. */
export interface State {
  readonly secrets: Secrets
  /** Where the runtime keeps Durable Objects, R2 and D1. */
  readonly storage: string
  readonly note: (running: Omit<Running, 'pid'>) => void
  readonly release: () => void
}

/**
 * Opens a state folder for this process alone, and ends a runtime that a killed process left behind in it.
 *
 * @param folder absolute path; made when it does not exist
 * @returns the folder's secrets, made on the first call, and where its storage is
 * @throws {SluicewayError} state_version when a newer Sluiceway wrote it, conflict when another process serves it, internal
 *   when it cannot be read or written
 */
export async function openState(folder: string): Promise<State> {
  const file = (name: string) => join(folder, name)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = read<{ version?: number }>(file('state.json'))
    if (found !== undefined && !(typeof found.version === 'number' && found.version <= version))
      throw new SluicewayError(
        'state_version',
        `${folder} was written by a newer Sluiceway (version ${found.version}, this one reads ${version}); update Sluiceway, or give another folder with --state`,
      )
    await takeOver(folder, read<Running>(file('running.json')))
    const note: State['note'] = (running) => write(file('running.json'), { pid: process.pid, ...running })
    note({})
    if (found === undefined) write(file('state.json'), { version })
    const secrets = savedSecrets(folder) ?? makeSecrets()
    write(file('secrets.json'), secrets)
    return { secrets, storage: file('storage'), note, release: () => rmSync(file('running.json'), { force: true }) }
  } catch (thrown) {
    if (thrown instanceof SluicewayError) throw thrown
    throw new SluicewayError('internal', `The state folder ${folder} cannot be used: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }
}

/** Two runtimes on the same databases would harm them, so the one before must be gone. */
async function takeOver(folder: string, before: Running | undefined): Promise<void> {
  if (before === undefined) return
  const holder = before.pid === process.pid ? undefined : commandOf(before.pid)
  if (holder !== undefined && /(start\.ts|bootstrap\.mjs|sluiceway(\.mjs)? start\b)/.test(holder))
    throw new SluicewayError(
      'conflict',
      `${folder} is being served by process ${before.pid}${before.url === undefined ? '' : ` at ${before.url}`}; stop it, or give another folder with --state`,
    )
  if (before.workerdPid === undefined) return
  for (let i = 0; i < 50 && commandOf(before.workerdPid)?.includes('workerd') === true; i++) {
    process.kill(before.workerdPid, 'SIGKILL')
    await sleep(20)
  }
}

/**
 * Reads the keys of a state folder.
 *
 * @returns undefined where none were made yet
 */
export const savedSecrets = (folder: string): Secrets | undefined => read<Secrets>(join(folder, 'secrets.json'))

/**
 * Reads where a state folder is served.
 *
 * @returns undefined where it is not
 */
export const servedUrl = (folder: string): string | undefined => read<Running>(join(folder, 'running.json'))?.url

/**
 * Makes keys that nobody can guess.
 *
 * @returns a write key of letters and digits, an admin token, and a secret as Standard Webhooks writes it
 */
export const makeSecrets = (): Secrets => ({
  writeKey: randomBytes(20).toString('base64url').replaceAll(/[-_]/g, '0'),
  adminToken: randomBytes(24).toString('hex'),
  webhookSecret: `whsec_${randomBytes(32).toString('base64')}`,
})

const read = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined

/** Whole or not at all, and readable by the owner only. */
function write(path: string, value: object): void {
  const next = `${path}.${process.pid}`
  writeFileSync(next, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  chmodSync(next, 0o600)
  renameSync(next, path)
}

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluicewayError } from '../../src/core/errors.ts'

/** Where downloads are kept: git ignores it. `SERVERS_CACHE` names another folder, which several checkouts may share. */
export const cacheFolder = (): string =>
  process.env.SERVERS_CACHE === undefined || process.env.SERVERS_CACHE === ''
    ? resolve(import.meta.dirname, '../../.servers')
    : resolve(process.env.SERVERS_CACHE)

/**
 * Finds a folder of the cache, and fills it where it is not there: once, others wait meanwhile, and what was begun is not taken
 * for what is whole.
 *
 * @param name of the folder
 * @param fill writes into a folder that is empty
 * @param source for errors: where it is from, and how what `fill` throws is told
 * @throws {SluicewayError} not_found when it cannot be filled
 * @returns the path of the folder
 */
export async function downloaded(
  name: string,
  fill: (draft: string) => Promise<void>,
  { from, why }: { readonly from: string; readonly why: (thrown: unknown) => string },
): Promise<string> {
  const folder = join(cacheFolder(), name)
  mkdirSync(cacheFolder(), { recursive: true })
  while (!existsSync(folder)) {
    const unlock = lock(join(cacheFolder(), 'lock'))
    if (unlock === undefined) {
      await sleep(250)
      continue
    }
    const draft = `${folder}.draft`
    try {
      if (existsSync(folder)) break
      rmSync(draft, { recursive: true, force: true })
      mkdirSync(draft)
      await fill(draft)
      renameSync(draft, folder)
    } catch (thrown) {
      rmSync(draft, { recursive: true, force: true })
      throw new SluicewayError('not_found', `${name} cannot be downloaded from ${from}: ${why(thrown)}`, {
        cause: thrown,
      })
    } finally {
      unlock()
    }
  }
  return folder
}

/** Takes a lock that holds the number of its process, unless a process that runs has it. */
function lock(path: string): (() => void) | undefined {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return () => rmSync(path, { force: true })
  } catch {
    if (!isAlive(Number(readOr(path, '')))) rmSync(path, { force: true })
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    // An empty file is of a process that takes the lock right now.
    return pid === 0 || process.kill(pid, 0)
  } catch {
    return false
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

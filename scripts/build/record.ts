import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** What a build was made from, kept beside it so that the next one can be left out. */
interface Record {
  /** Paths relative to the repository. */
  readonly inputs: readonly string[]
  readonly hash: string
}

/**
 * Digests files.
 *
 * @param root the repository
 * @param inputs paths relative to it; one that does not exist counts as absent
 * @returns 16 hexadecimal digits that change when any path or content does
 */
export function hashOf(root: string, inputs: readonly string[]): string {
  const hash = createHash('sha256')
  for (const input of inputs) {
    const path = resolve(root, input)
    hash.update(`${input}\n`).update(existsSync(path) ? readFileSync(path) : 'absent')
  }
  return hash.digest('hex').slice(0, 16)
}

/**
 * Finds the hash of the last build, if what it was made from is unchanged.
 *
 * @param root the repository
 * @param file where the build's record is
 * @returns the hash that was recorded, or undefined when there must be a new build
 */
export function freshHash(root: string, file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const { inputs, hash } = JSON.parse(readFileSync(file, 'utf8')) as Record
  return hashOf(root, inputs) === hash ? hash : undefined
}

/**
 * Records what a build was made from.
 *
 * @param file where the record shall be
 * @param record the paths and their hash
 */
export const writeRecord = (file: string, record: Record): void => writeWhole(file, JSON.stringify(record, null, 2))

/**
 * Writes a file so that a reader sees the old content or the new one, never a part.
 *
 * @param file its path; the folder is made when it does not exist
 * @param content what it shall hold
 */
export function writeWhole(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  const next = `${file}.${randomUUID()}`
  writeFileSync(next, content)
  renameSync(next, file)
}

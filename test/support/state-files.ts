import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

const maxBuffer = 2 ** 28

/**
 * Packs state folders that nobody serves into one file: a tar, compressed with zstd. Needs GNU tar.
 *
 * The runtime's response cache is left out, because Sluiceway keeps nothing in it.
 *
 * @param parent holds the folders
 * @param file to be written
 */
export function packStates(parent: string, file: string): void {
  // What is in the write-ahead logs moves into the databases, whose files are then complete.
  for (const path of globSync('**/*.sqlite', { cwd: parent })) {
    const database = new DatabaseSync(join(parent, path))
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
  }
  for (const path of globSync('*/storage/cache', { cwd: parent })) rmSync(join(parent, path), { recursive: true })
  // Nothing of the machine or its user goes into the file.
  const options = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '-C', parent]
  const tar = execFileSync('tar', ['-cf', '-', ...options, '.'], { maxBuffer })
  writeFileSync(file, zstdCompressSync(tar, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }))
}

/**
 * Unpacks what `packStates` packed.
 *
 * @param file what it wrote
 * @param parent where the folders go; made when it does not exist
 */
export function unpackStates(file: string, parent: string): void {
  mkdirSync(parent, { recursive: true })
  const tar = zstdDecompressSync(readFileSync(file))
  execFileSync('tar', ['-xf', '-', '-C', parent], { input: tar })
}

/** Reads a database file of a state folder, while or after the runtime writes it. */
function query(file: string, sql: string): Readonly<Record<string, unknown>>[] {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

/** Names of the tables of all Durable Objects in a state folder, each once; those of a span of time end in `_<n>`. */
export function storedTables(state: string): string[] {
  const files = globSync('storage/do/*/*.sqlite', { cwd: state }).filter((path) => !path.endsWith('metadata.sqlite'))
  const names = files.flatMap((path) =>
    query(join(state, path), "SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) =>
      String(name).replace(/_\d+$/, '_<n>'),
    ),
  )
  return [...new Set(names)].filter((name) => !/^(_cf_|sqlite_)/.test(name)).toSorted()
}

/** Keys of the objects in the R2 bucket of a state folder, in order. */
export function storedKeys(state: string): string[] {
  return globSync('storage/r2/*/*.sqlite', { cwd: state })
    .filter((path) => !path.endsWith('metadata.sqlite'))
    .flatMap((path) => query(join(state, path), 'SELECT key FROM _mf_objects').map(({ key }) => String(key)))
    .toSorted()
}

/**
 * Overwrites an object of R2 on the disk, while the runtime runs.
 *
 * @param state the state folder
 * @param key of the object; nothing happens when it is not there (any more)
 */
export function damageObject(state: string, key: string): void {
  for (const path of globSync('storage/r2/*/*.sqlite', { cwd: state })) {
    if (path.endsWith('metadata.sqlite')) continue
    for (const found of query(join(state, path), 'SELECT key, blob_id, size FROM _mf_objects'))
      if (found['key'] === key)
        for (const blob of globSync(`storage/r2/**/blobs/${String(found['blob_id'])}`, { cwd: state }))
          writeFileSync(join(state, blob), new Uint8Array(Number(found['size'])).fill(0xff))
  }
}

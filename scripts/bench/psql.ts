import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Sql } from 'postgres'
import { doWhole } from '../../src/warehouses/postgres/steps.ts'

/** Who copies between a table and a file. */
export interface Copier {
  /** `psql`, or what takes its place where that is not installed. */
  readonly name: string
  /** @param what a table or a query in parentheses */
  readonly out: (what: string, file: string) => Promise<void>
  /** One after the other, over one connection. */
  readonly into: (copies: readonly FileCopy[]) => Promise<void>
}

/** What comes from a file. */
export interface FileCopy {
  /** A table, perhaps with its columns. */
  readonly what: string
  readonly file: string
}

/** Finds psql, or makes what does the same through the client of the engine. */
export function copierFor(url: string, sql: Sql): Copier {
  if (spawnSync('psql', ['--version']).status === 0)
    return {
      name: 'psql \\copy',
      out: (what, file) => psql(url, [`\\copy ${what} TO '${file}'`]),
      into: (copies) =>
        psql(
          url,
          copies.map(({ what, file }) => `\\copy ${what} FROM '${file}'`),
        ),
    }
  return {
    name: 'COPY by the client of the engine',
    out: async (what, file) => pipeline(await sql.unsafe(`COPY ${what} TO STDOUT`).readable(), createWriteStream(file)),
    into: async (copies) => {
      for (const { what, file } of copies) {
        const pieces: Uint8Array[] = []
        for await (const piece of createReadStream(file)) pieces.push(piece as Uint8Array)
        await doWhole(sql, [{ statement: `COPY ${what} FROM STDIN`, pieces }])
      }
    },
  }
}

async function psql(url: string, commands: readonly string[]): Promise<void> {
  const asked = commands.map((command) => `--command=${command}`)
  const child = spawn('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', ...asked, url], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`psql ended with ${code}`)
}

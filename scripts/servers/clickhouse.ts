import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A ClickHouse on this machine. */
export interface RealClickHouse {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly stop: () => Promise<void>
}

/**
 * Starts ClickHouse's own engine behind its HTTP interface on the loopback.
 *
 * @param options `port` 0 takes a free one; `data` outlives the server, and is a new folder that goes with it when left out
 * @returns where it is
 * @throws when it does not start
 */
export async function startClickHouse(
  options: { readonly port?: number; readonly data?: string; readonly password?: string } = {},
): Promise<RealClickHouse> {
  const { port = 0, password = 'loopback-only' } = options
  const own = options.data === undefined ? await mkdtemp(join(tmpdir(), 'sluiceway-clickhouse-')) : undefined
  const user = 'default'
  const script = join(import.meta.dirname, 'clickhouse-http.ts')
  const child = spawn(process.execPath, [script, options.data ?? own ?? '', String(port), user, password], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const listening = await Promise.race([portOf(child), exitOf(child)])
  return {
    url: `http://127.0.0.1:${listening}`,
    user,
    password,
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      if (own !== undefined) await rm(own, { recursive: true, force: true })
    },
  }
}

async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (stdout === null) throw new Error('ClickHouse has no output')
  for await (const line of createInterface({ input: stdout })) return Number(line)
  throw new Error('ClickHouse ended before it listened')
}

async function exitOf(child: ChildProcess): Promise<never> {
  await once(child, 'exit')
  throw new Error(`ClickHouse ended with ${child.exitCode}`)
}

import { join } from 'node:path'
import { cpuSeconds } from './cpu.ts'
import { serveWorker } from './serve-worker.ts'

/** What a run of the loop came to. */
export interface LoopResult {
  readonly perSecond: number
  /** Microseconds of CPU of its process for each request. */
  readonly cpuPerRequest: number
}

/** A Worker that does nothing but send requests, in a workerd of its own. */
export interface FetchLoop {
  /** Sends `body` to `url` for some seconds, with six requests under way at once, as a lane has. */
  readonly run: (url: string, body: string, seconds: number) => Promise<LoopResult>
  readonly stop: () => Promise<void>
}

/**
 * Starts the yardstick of delivery.
 *
 * @returns once it can be run
 */
export async function startFetchLoop(): Promise<FetchLoop> {
  const { urls, pid, stop } = await serveWorker({
    file: join(import.meta.dirname, 'fetch-loop-worker.ts'),
    objects: { LOOP: 'Loop' },
    entrypoints: ['default'],
  })
  const run = async (url: string, body: string, seconds: number): Promise<LoopResult> => {
    const before = cpuSeconds(pid)
    const answer = await fetch(urls.default, {
      method: 'POST',
      body: JSON.stringify({ url, body, seconds, parallel: 6 }),
    })
    const requests = (await answer.json()) as number
    return { perSecond: requests / seconds, cpuPerRequest: ((cpuSeconds(pid) - before) / requests) * 1e6 }
  }
  return { run, stop }
}

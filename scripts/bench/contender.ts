import { cpuSeconds } from './cpu.ts'
import { type LoadResult, runLoad } from './run-load.ts'
import type { Requests } from './requests.ts'

/** Something that takes events at a URL, in a runtime process of its own. */
export interface Contender {
  readonly name: string
  readonly url: string
  readonly pid: number | undefined
  /** With the write key that it wants. */
  readonly requests: Requests
}

/** A load run with the CPU that the contender used for it. */
export interface Round extends LoadResult {
  /** Microseconds of CPU of its process for each accepted event; NaN when the system does not tell. */
  readonly cpuPerEvent: number
  /** The same with what its lanes did after the round, until nothing was left. */
  readonly cpuToTheEnd: number
  /** The share of one processor that it got. */
  readonly cpuShare: number
}

interface Options {
  readonly connections: number
  readonly seconds: number
  /** Called at the end of the round; waits until the lanes have nothing left to do. */
  readonly drain?: () => Promise<unknown>
}

/** Puts load on a contender, as much as its connections allow, and measures it. */
export async function round(contender: Contender, { connections, seconds, drain }: Options): Promise<Round> {
  const { url, pid, requests } = contender
  const before = cpuSeconds(pid)
  const result = await runLoad({ url, requests, connections, seconds })
  const used = cpuSeconds(pid) - before
  await drain?.()
  const perEvent = (cpu: number) => (cpu / result.accepted) * 1e6
  return {
    ...result,
    cpuPerEvent: perEvent(used),
    cpuToTheEnd: perEvent(cpuSeconds(pid) - before),
    cpuShare: used / result.seconds,
  }
}

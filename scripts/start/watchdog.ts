import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

interface Options {
  /** Asks the runtime for anything; rejects when it does not answer within so many milliseconds. */
  readonly ask: (ms: number) => Promise<unknown>
  readonly pid: () => number | undefined
  /** Seconds of CPU that a runtime may use up without an answer. */
  readonly seconds: number
  /** Called when it has, to start another; the watch goes on meanwhile, for the other may be caught before it is ready. */
  readonly onHang: () => void
}

/** The watch of a runtime. */
export interface Watch {
  /** True while it does not answer, and may be caught. */
  readonly isInDoubt: () => boolean
  readonly end: () => void
}

/** Times longer for a runtime that still reads or writes, or of which that is not known: it may only have much to do. */
const patience = 3

/**
 * Watches a runtime: one that does not answer, and computes all the while, is caught in an endless loop. One that is not
 * computing (the machine sleeps, or is busy with something else) is not.
 *
 * @param options the runtime, and whom to tell
 * @returns the watch
 */
export function watchRuntime({ ask, pid, seconds, onHang }: Options): Watch {
  let ended = false
  let since: Usage | undefined
  const pauseMs = Math.min(1_000, seconds * 250)
  const watch = async () => {
    for (;;) {
      await sleep(pauseMs, undefined, { ref: false })
      if (ended) return
      const before = usageOf(pid())
      if (await answers(ask, pauseMs)) {
        since = undefined
        continue
      }
      const now = usageOf(pid())
      if (ended) return
      if (before === undefined || now === undefined || now.pid !== (since ?? before).pid) {
        since = undefined
        continue
      }
      since ??= before
      const isQuiet = now.bytes !== undefined && now.bytes === before.bytes
      if (now.cpuSeconds - since.cpuSeconds < seconds * (isQuiet ? 1 : patience)) continue
      since = undefined
      onHang()
    }
  }
  void watch()
  return {
    isInDoubt: () => since !== undefined,
    end: () => {
      ended = true
    },
  }
}

/** The answer of a runtime that is caught may never come, nor an error. */
async function answers(ask: Options['ask'], ms: number): Promise<boolean> {
  const late = new AbortController()
  const isLate = sleep(ms, false, { signal: late.signal }).catch(() => false)
  const isAlive = ask(ms).then(
    () => true,
    () => false,
  )
  const answered = await Promise.race([isAlive, isLate])
  late.abort()
  return answered
}

/** What a process has used up since its start. */
interface Usage {
  readonly pid: number
  readonly cpuSeconds: number
  /** Read and written; undefined where the system does not tell. */
  readonly bytes: string | undefined
}

function usageOf(pid: number | undefined): Usage | undefined {
  if (pid === undefined) return undefined
  const cpuSeconds = cpuOf(pid)
  return cpuSeconds === undefined ? undefined : { pid, cpuSeconds, bytes: bytesOf(pid) }
}

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on (proc_pid_stat(5), checked 2026-11-28). */
const ticks = 100

function cpuOf(pid: number): number | undefined {
  try {
    // What follows the name, which may hold anything: utime and stime are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticks
  } catch {
    return process.platform === 'linux' ? undefined : cpuByPs(pid)
  }
}

function cpuByPs(pid: number): number | undefined {
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'time='], { encoding: 'utf8' })
  const parts = /^\s*(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\s*$/.exec(stdout ?? '')
  if (parts === null) return undefined
  const [, days = '0', hours = '0', minutes = '0', rest = '0'] = parts
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(rest)
}

function bytesOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/io`, 'utf8')
      .split('\n')
      .filter((line) => /^(rchar|wchar|syscr|syscw):/.test(line))
      .join(' ')
  } catch {
    return undefined
  }
}

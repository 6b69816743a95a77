import { readFileSync } from 'node:fs'

/** Watches how much memory a process takes above what it took when the watch began. */
export class MemoryWatch {
  readonly #pid: number
  readonly #before: number
  #most: number
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.#pid = pid
    this.#before = residentMegabytes(pid)
    this.#most = this.#before
    this.#timer = setInterval(() => (this.#most = Math.max(this.#most, residentMegabytes(pid))), 100)
  }

  /** Ends the watch; returns the megabytes by which it grew at most. */
  stop(): number {
    clearInterval(this.#timer)
    this.#most = Math.max(this.#most, residentMegabytes(this.#pid))
    return this.#most - this.#before
  }
}

/** Megabytes of a process that are in memory; NaN where /proc does not tell. */
function residentMegabytes(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kilobytes) / 1_000
  } catch {
    return Number.NaN
  }
}

import type { Billed } from '../core/billed.ts'

/** What is due sooner is waited for in memory; anything later wakes the object by its alarm, so that it may sleep. */
const shortWaitMs = 10_000

/** Wakes a lane when something is due: by a timer, or by the alarm of its object. An alarm begins a new invocation. */
export class LaneTimer {
  readonly #storage: Pick<DurableObjectStorage, 'setAlarm'>
  readonly #billed: Billed
  readonly #wake: () => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** Milliseconds since the epoch; undefined while no alarm is set. */
  #alarmAt: number | undefined
  #isHandingOver = false

  /** `wake` is called when a timer ends. */
  constructor(storage: Pick<DurableObjectStorage, 'setAlarm'>, billed: Billed, wake: () => void) {
    this.#storage = storage
    this.#billed = billed
    this.#wake = wake
  }

  /** Notes the alarm that is set when the object starts. */
  noteAlarm(at: number | undefined): void {
    this.#alarmAt = at
  }

  /** Notes that the alarm has come. */
  noteAwake(): void {
    this.#alarmAt = undefined
    this.#isHandingOver = false
  }

  /** Wakes the lane then, or sooner; not at all for undefined. */
  wakeAt(due: number | undefined): void {
    if (due === undefined) return
    const now = Date.now()
    if (due - now <= shortWaitMs) {
      if (due >= this.#timerAt) return
      clearTimeout(this.#timer)
      this.#timerAt = due
      const wake = () => {
        this.#timerAt = Number.POSITIVE_INFINITY
        this.#wake()
      }
      this.#timer = setTimeout(wake, Math.max(0, due - now))
    } else if (this.#alarmAt === undefined || this.#alarmAt > due || this.#alarmAt <= now) this.#setAlarm(due)
  }

  /** Ends the timer. */
  rest(): void {
    clearTimeout(this.#timer)
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** Has an alarm go on at once; does nothing when it was asked for already, and has not come yet. */
  handOver(): void {
    if (this.#isHandingOver) return
    this.#isHandingOver = true
    this.#setAlarm(Date.now())
  }

  #setAlarm(at: number): void {
    this.#alarmAt = at
    this.#billed.rowsWritten++
    void this.#storage.setAlarm(at)
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { LaneObject } from '../../src/lanes/lane-object.ts'
import { methodsOf } from './object-methods.ts'

/** A while that passes faster for a lane. */
interface SwiftWhile {
  /** Whose lanes live it. */
  readonly destination: string
  /** When it begins, milliseconds since the epoch. */
  readonly from: number
  /** Seconds that it takes on the clock of everybody else. */
  readonly seconds: number
  /** Minutes that it takes on the clock of the lane. */
  readonly minutes: number
}

/**
 * Lets an hour pass for the lanes of one destination while a minute or so passes for everything else in the Worker: their clock,
 * timers and alarms go faster, by the same factor. Before it and after it they go as everybody's; afterwards their clock is
 * ahead. A restart in the middle changes nothing. The times that such a lane gives in its answers are its own.
 *
 * @param swift whose, when, and how fast
 */
export function passTime({ destination, from, seconds, minutes }: SwiftWhile): void {
  if (isPassing) return
  isPassing = true
  const realMs = seconds * 1_000
  const laneMs = minutes * 60_000
  const factor = laneMs / realMs
  const realNow = Date.now
  const toLane = (real: number) =>
    real < from ? real : real < from + realMs ? from + (real - from) * factor : real + laneMs - realMs
  const toReal = (lane: number) =>
    lane < from ? lane : lane < from + laneMs ? from + (lane - from) / factor : lane - laneMs + realMs

  const isInLane = new AsyncLocalStorage<boolean>()
  Date.now = () => (isInLane.getStore() === true ? Math.floor(toLane(realNow())) : realNow())
  const realTimeout = globalThis.setTimeout
  globalThis.setTimeout = ((callback: () => void, ms = 0, ...args: []) => {
    if (isInLane.getStore() !== true) return realTimeout(callback, ms, ...args)
    const now = realNow()
    return realTimeout(callback, Math.ceil(toReal(toLane(now) + ms) - now), ...args)
  }) as typeof setTimeout

  const withAlarms = new WeakSet<DurableObjectStorage>()
  const lane = LaneObject.prototype as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of methodsOf(lane)) {
    const method = lane[name] as (...args: unknown[]) => unknown
    lane[name] = function (this: { readonly ctx: DurableObjectState }, ...args: unknown[]) {
      const { id, storage } = this.ctx
      if (id.name?.startsWith(`${destination}:`) !== true) return method.apply(this, args)
      if (!withAlarms.has(storage)) {
        withAlarms.add(storage)
        const setAlarm = storage.setAlarm.bind(storage)
        Object.defineProperty(storage, 'setAlarm', { value: (at: number) => setAlarm(toReal(at)) })
      }
      return isInLane.run(true, () => method.apply(this, args))
    }
  }
}

let isPassing = false

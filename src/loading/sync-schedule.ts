import type { WarehouseRoute } from '../core/config.ts'

/** When a warehouse is loaded. */
export type SyncSchedule = Pick<WarehouseRoute, 'syncStartAt' | 'excludeWindow'> & { readonly everyMinutes: number }

const minuteMs = 60_000
const dayMinutes = 1_440

/** Gives the schedule of a warehouse; each minute, where it has none. */
export const scheduleOf = ({
  everyMinutes = 1,
  syncStartAt,
  excludeWindow,
}: Pick<WarehouseRoute, 'everyMinutes' | 'syncStartAt' | 'excludeWindow'>): SyncSchedule => ({
  everyMinutes,
  ...(syncStartAt === undefined ? {} : { syncStartAt }),
  ...(excludeWindow === undefined ? {} : { excludeWindow }),
})

/**
 * Finds the last time before which a turn has begun, that time included.
 *
 * Turns are at start + n × frequency. As at RudderStack, a start that is given begins each day anew: with 7 hours and 02:00, the
 * turns of a day are 02:00, 09:00, 16:00 and 23:00. Without a start, and with more than a day, n counts from 1970.
 *
 * @param schedule of the warehouse
 * @param now milliseconds since the epoch
 * @returns milliseconds since the epoch
 */
export function lastTurn({ everyMinutes, syncStartAt }: SyncSchedule, now: number): number {
  const minute = Math.floor(now / minuteMs)
  const start = syncStartAt === undefined ? 0 : minuteOf(syncStartAt)
  if (syncStartAt === undefined || everyMinutes > dayMinutes)
    return (start + Math.floor((minute - start) / everyMinutes) * everyMinutes) * minuteMs
  const first = start % everyMinutes
  const inDay = minute % dayMinutes
  const day = minute - inDay - (inDay < first ? dayMinutes : 0)
  const at = inDay < first ? dayMinutes - 1 : inDay
  return (day + first + Math.floor((at - first) / everyMinutes) * everyMinutes) * minuteMs
}

/** Finds the first turn after a time; see `lastTurn`. */
export function turnAfter(schedule: SyncSchedule, time: number): number {
  const { everyMinutes, syncStartAt } = schedule
  const last = lastTurn(schedule, time)
  const next = last + everyMinutes * minuteMs
  if (syncStartAt === undefined || everyMinutes > dayMinutes) return next
  // The last turn of a day is followed by the first one of the next.
  const nextDay = (Math.floor(last / minuteMs / dayMinutes) + 1) * dayMinutes * minuteMs
  return next < nextDay ? next : nextDay + (minuteOf(syncStartAt) % everyMinutes) * minuteMs
}

/**
 * Says from when on the schedule may load.
 *
 * @returns the time itself, or the end of the exclude window that it is in; milliseconds since the epoch
 */
export function outsideWindow({ excludeWindow }: SyncSchedule, time: number): number {
  if (excludeWindow === undefined) return time
  const minute = Math.floor(time / minuteMs)
  const start = minuteOf(excludeWindow.start)
  const length = (minuteOf(excludeWindow.end) - start + dayMinutes) % dayMinutes
  const inside = (minute - start) % dayMinutes
  return inside < length ? (minute + length - inside) * minuteMs : time
}

/** Tells for how many minutes what is staged may wait until it is loaded, when all goes well. */
export function longestWaitMinutes({ everyMinutes, excludeWindow }: SyncSchedule): number {
  if (excludeWindow === undefined) return everyMinutes
  const length = minuteOf(excludeWindow.end) - minuteOf(excludeWindow.start)
  return everyMinutes + ((length + dayMinutes) % dayMinutes)
}

/**
 * Says when the schedule loads a warehouse next.
 *
 * @param schedule of the warehouse
 * @param state `now`; `from`, the time until which it is left alone; `isDue`, whether a turn has begun that is not at its end,
 *   so that the next minute goes on with it
 * @returns milliseconds since the epoch
 */
export function nextSync(
  schedule: SyncSchedule,
  { now, from, isDue }: { readonly now: number; readonly from?: number | undefined; readonly isDue: boolean },
): number {
  // The run of this minute has begun.
  const earliest = Math.max(Math.floor(now / minuteMs) * minuteMs + 1, from ?? 0)
  const next = isDue ? Math.ceil(earliest / minuteMs) * minuteMs : turnAfter(schedule, earliest - 1)
  return outsideWindow(schedule, next)
}

/** The minute of a day that `HH:MM` names. */
const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

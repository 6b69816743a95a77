import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second in /proc, the same on every Linux that Node runs on. */
const ticks = 100

/** Seconds of CPU that a process has used so far, in all its threads; NaN where /proc does not tell. */
export function cpuSeconds(pid: number | undefined): number {
  const fields = statOf(pid)
  return (Number(fields[11]) + Number(fields[12])) / ticks
}

/** Microseconds of CPU of this process that some work takes. */
export function spent(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Seconds of CPU of a process and its children, those that have ended included. */
export function cpuSecondsOfFamily(pid: number): number {
  const [own, ended] = [cpuSeconds(pid), statOf(pid)]
  let sum = own + (Number(ended[13]) + Number(ended[14])) / ticks
  if (Number.isNaN(sum)) return sum
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(statOf(Number(name))[1]) !== pid) continue
    // One that has ended meanwhile is counted the next time.
    const child = cpuSeconds(Number(name))
    if (!Number.isNaN(child)) sum += child
  }
  return sum
}

/** The fields of /proc/<pid>/stat behind the name; none where it does not tell. */
function statOf(pid: number | undefined): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  } catch {
    return []
  }
}

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { backlogOf } from './backlog.ts'
import { clock } from './clock.ts'
import { cpuSeconds } from './cpu.ts'
import { servedIsolate } from './debugger.ts'
import { freePort } from './heap-watch.ts'
import { IsolateCpu } from './isolate-cpu.ts'
import { runLoad } from './run-load.ts'
import { Numbers, Requests } from './requests.ts'
import type { Keep } from './session.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'

interface Options {
  /** Which tables, as `tables.config.ts` reads it. */
  readonly vars: Readonly<Record<string, string>>
  /** Events in a request. */
  readonly per: number
  readonly seconds: number
}

/** Microseconds of processor time of an event. */
export interface EventTimes {
  /** In the runtime where there is no warehouse. */
  readonly bare: number
  /** In the runtime with tables, from request to row. */
  readonly full: number
  /** In the isolate of the Worker, without tables and with them. */
  readonly bareWorker: number
  readonly worker: number
  /** In the isolates of the local D1 and R2. */
  readonly simulators: number
}

/** What tables keep up with. */
export interface KeptUp {
  /** Events a second that are accepted where there is no warehouse. */
  readonly accepted: number
  /** Events a second from the first one that is offered to the last one in its table, as fast as both go together. */
  readonly loaded: number
  /** Most megabytes that the runtime had in memory, beyond what it had at rest. */
  readonly megabytes: number
  /** Measured in runs of their own: a profile costs time. */
  readonly us: EventTimes
}

const connections = 64

/** Offers as many events as are taken, without a warehouse and with one, and waits for the tables. */
export async function keepUp(keep: Keep, options: Options): Promise<KeptUp> {
  const bare = await measure(keep, { ...options, config: 'bare' })
  const full = await measure(keep, { ...options, config: 'tables' })
  const bareProfile = await measure(keep, { ...options, config: 'bare', profile: true })
  const profile = await measure(keep, { ...options, config: 'tables', profile: true })
  return {
    accepted: bare.perSecond,
    loaded: full.perSecond,
    megabytes: full.megabytes,
    us: {
      bare: bare.us,
      full: full.us,
      bareWorker: bareProfile.isolates.worker,
      worker: profile.isolates.worker,
      simulators: profile.isolates.others,
    },
  }
}

interface Measured {
  readonly perSecond: number
  readonly megabytes: number
  readonly us: number
  /** Microseconds of an event. */
  readonly isolates: { readonly worker: number; readonly others: number }
}

async function measure(
  keep: Keep,
  {
    config,
    profile = false,
    vars,
    per,
    seconds,
  }: Options & { readonly config: 'bare' | 'tables'; readonly profile?: boolean },
): Promise<Measured> {
  const inspect = profile ? await freePort() : undefined
  const sluiceway = await keep(
    startSluiceway({
      config,
      tick: config === 'bare' ? 60 : 1,
      vars,
      ...(inspect === undefined ? {} : { inspect }),
    }),
  )
  const requests = new Requests(new Numbers(Date.now() >>> 0), { per, writeKey: sluiceway.writeKey })
  // Tables are made once in the life of a deployment, and code is compiled once.
  await runLoad({ url: sluiceway.url, requests, connections: 4, seconds: 1 })
  await drained(sluiceway)
  const rest = residentMegabytes(sluiceway.workerdPid)
  const watch = inspect === undefined ? undefined : await IsolateCpu.start(inspect, sluiceway.state)
  const start = clock()
  const startCpu = cpuSeconds(sluiceway.workerdPid)
  const { accepted } = await runLoad({ url: sluiceway.url, requests, connections, seconds })
  await drained(sluiceway)
  const perSecond = (accepted * 1_000) / (clock() - start)
  const us = ((cpuSeconds(sluiceway.workerdPid) - startCpu) * 1e6) / accepted
  const isolates = { worker: 0, others: 0 }
  for (const [name, ms] of (await watch?.stop()) ?? [])
    isolates[name === servedIsolate ? 'worker' : 'others'] += (ms * 1_000) / accepted
  const megabytes = residentMegabytes(sluiceway.workerdPid, 'VmHWM') - rest
  await sluiceway.stop()
  return { perSecond, megabytes, us, isolates }
}

/** Waits until all is in the tables. Whoever has a schedule waits for its next turn, which is no work: here it is asked for. */
async function drained(full: Sluiceway): Promise<void> {
  for (const end = clock() + 600_000; clock() < end;) {
    const { staging, loading } = await backlogOf(full)
    if (staging === 0 && loading === 0) return
    if (loading > 0) await full.load()
    await sleep(50)
  }
  throw new Error('The tables did not follow within ten minutes; /admin/warehouses says why.')
}

/** Megabytes of a process in memory, now or at most; NaN where /proc does not tell. */
function residentMegabytes(pid: number, field = 'VmRSS'): number {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(found?.[1]) / 1_000
  } catch {
    return Number.NaN
  }
}

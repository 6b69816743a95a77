import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { backlogOf } from './backlog.ts'
import { clock } from './clock.ts'
import { runLoad } from './load.ts'
import { Numbers, Requests } from './requests.ts'
import type { Keep } from './session.ts'
import { startSluiceway } from './sluiceway.ts'

interface Options {
  /** Of a PostgreSQL; undefined for D1. */
  readonly url: string | undefined
  /** Events in a request. */
  readonly per: number
  readonly seconds: number
}

/** What tables keep up with. */
export interface KeptUp {
  /** Events a second that are accepted where there is no warehouse. */
  readonly accepted: number
  /** Events a second from the first one that is offered to the last one in its table, as fast as both go together. */
  readonly loaded: number
  /** Most megabytes that the runtime had in memory, beyond what it had at rest. */
  readonly megabytes: number
}

const connections = 64

/** Offers as many events as are taken, without a warehouse and with one, and waits for the tables. */
export async function keepUp(keep: Keep, { url, per, seconds }: Options): Promise<KeptUp> {
  const numbers = new Numbers(Date.now() >>> 0)
  const bare = await keep(startSluiceway({ config: 'bare', tick: 60 }))
  const alone = await runLoad({
    url: bare.url,
    requests: new Requests(numbers, { per, writeKey: bare.writeKey }),
    connections,
    seconds,
  })
  await bare.stop()

  const vars = url === undefined ? {} : { POSTGRES_URL: url }
  const full = await keep(startSluiceway({ config: 'tables', tick: 1, vars }))
  const requests = new Requests(numbers, { per, writeKey: full.writeKey })
  // Tables are made once in the life of a deployment.
  await runLoad({ url: full.url, requests, connections: 4, seconds: 0.2 })
  await drained(full)
  const rest = residentMegabytes(full.workerdPid)
  const start = clock()
  const { accepted } = await runLoad({ url: full.url, requests, connections, seconds })
  await drained(full)
  const loaded = (accepted * 1_000) / (clock() - start)
  const megabytes = residentMegabytes(full.workerdPid, 'VmHWM') - rest
  await full.stop()
  return { accepted: alone.eventsPerSecond, loaded, megabytes }
}

async function drained(full: Parameters<typeof backlogOf>[0]): Promise<void> {
  for (const end = clock() + 600_000; clock() < end; await sleep(200)) {
    const { staging, loading } = await backlogOf(full)
    if (staging === 0 && loading === 0) return
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

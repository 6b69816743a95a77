// How many events a second a lane delivers, beside a Worker that does nothing but send requests.
import { setTimeout as sleep } from 'node:timers/promises'
import { drained } from './backlog.ts'
import { clock } from './clock.ts'
import { cpuSeconds } from './cpu.ts'
import { Delays } from './delays.ts'
import { startFetchLoop } from './fetch-loop.ts'
import { numbersFrom } from './flags.ts'
import { runLoad } from './run-load.ts'
import { median } from './median.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { type Sink, startSink } from './sink.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:deliver -- [options]

Collects events at a webhook lane whose receiver is down, opens the receiver, and measures how fast the lane drains: one event
a request in order per key and without order, and in batches of 100; requests are signed. In order per key, also with a receiver
that answers after 200 ms. Between the drains, a Worker that does
nothing but send the same bytes to the same receiver in a loop is measured: the ratio is to that. Then events are sent at half
of the rate of the drain, and the way from the request to the sink is measured.

  --events <n>    events of a drain (default: 30000)
  --rounds <n>    drains of each kind (default: 3)
  --seconds <n>   length of a run of the loop, and of the run at half of the rate (default: 5)
  --help          show this
`

const flags = numbersFrom(help, { events: 30_000, rounds: 3, seconds: 5 })
const target = 0.45
const batchTarget = 15_000
const slowMs = 200
const slowTarget = 1_000
/** The lane finds out first how many requests at once it needs. */
const slowWarmUp = 0.3
const say = (text: string) => process.stdout.write(`${text}\n`)

const kinds = [
  { name: 'one event a request, in order per key', vars: {} },
  { name: 'one event a request, no order', vars: { UNORDERED: '1' } },
  { name: 'batches of 100, in order per key', vars: { BATCH: '1' } },
] as const

/** What one drain came to. */
interface Drain {
  readonly perSecond: number
  /** Microseconds of CPU of workerd for each event, with the reading of the log. */
  readonly cpuPerEvent: number
  /** The ratio of its rate to that of the loop before it, and the other way round for CPU. */
  readonly ratio: number
  readonly cpuRatio: number
}

interface Delivering {
  readonly sluiceway: Sluiceway
  readonly requests: Requests
  readonly sink: Sink
}

/** Collects events while the sink is down, opens it, and waits until all have arrived; it answers after so many milliseconds. */
async function drain(
  { sluiceway, requests, sink }: Delivering,
  answerMs = 0,
): Promise<Pick<Drain, 'perSecond' | 'cpuPerEvent'>> {
  sink.answer(503)
  const first = requests.numbers.next
  const there = sink.events()
  while (requests.numbers.next - first < flags.events) {
    const { refused } = await runLoad({ url: sluiceway.url, requests, connections: 8, seconds: 0.2 })
    for (const [what, times] of Object.entries(refused)) throw new Error(`NOT ACCEPTED: ${times} × ${what}`)
  }
  const events = requests.numbers.next - first
  await sleep(1_500)
  const cpu = cpuSeconds(sluiceway.workerdPid)
  sink.answer(200, answerMs)
  await sluiceway.resume()
  for (const end = clock() + 120_000; sink.events() - there < events; await sleep(20))
    if (clock() > end) throw new Error(`only ${sink.events() - there} of ${events} events arrived`)
  const used = cpuSeconds(sluiceway.workerdPid) - cpu
  const arrivals = sink.arrivals.slice(first, first + events).toSorted()
  // The first probe and what is left of the last keys say nothing of the rate.
  const [from, to] = [Math.floor(events * (answerMs === 0 ? 0.05 : slowWarmUp)), Math.floor(events * 0.95)]
  const seconds = ((arrivals[to] as number) - (arrivals[from] as number)) / 1_000
  return { perSecond: (to - from) / seconds, cpuPerEvent: (used / events) * 1e6 }
}

/** Events at half of `most` a second, 20 a request. */
async function atHalf({ sluiceway, requests, sink }: Delivering, most: number): Promise<string> {
  const delays = new Delays(sink.arrivals)
  const { url, writeKey } = sluiceway
  const batches = new Requests(requests.numbers, { per: 20, writeKey })
  const rate = most / 2
  const { refused } = await runLoad({
    url,
    requests: batches,
    connections: 32,
    seconds: flags.seconds,
    rate,
    onAccepted: delays.sent,
  })
  await drained(sluiceway, 60)
  const wrong = Object.entries(refused).map(([what, times]) => `\nNOT ACCEPTED: ${whole(times)} × ${what}`)
  return `At ${whole(rate)} events/s, half of the most\n${delays.summary()}${wrong.join('')}`
}

await session(async (keep) => {
  const numbers = new Numbers(Date.now() >>> 0)
  const sink = await keep(startSink(Date.now() >>> 0))
  const loop = await keep(startFetchLoop())
  const rows = [['median of the rounds', 'events/s', 'µs CPU/event', 'events/s per core', 'ratio', 'of CPU']]
  const loops: number[] = []
  const loopCpu: number[] = []
  const notes: string[] = []
  for (const { name, vars } of kinds) {
    const secret = 'whsec_c2x1aWNld2F5LWJlbmNobWFyay1zZWNyZXQtMQ=='
    const sluiceway = await startSluiceway({
      config: 'deliver',
      tick: 60,
      vars: { WEBHOOK_URL: sink.url, WEBHOOK_SECRET: secret, ...vars },
    })
    try {
      const requests = new Requests(numbers, { per: 100, writeKey: sluiceway.writeKey })
      const body = 'x'.repeat(Math.round(requests.eventBytes))
      const drains: Drain[] = []
      for (let round = 0; round <= flags.rounds; round++) {
        sink.answer(200)
        const bare = await loop.run(sink.url, body, flags.seconds)
        const { perSecond, cpuPerEvent } = await drain({ sluiceway, requests, sink })
        // The first warms up.
        if (round === 0) continue
        loops.push(bare.perSecond)
        loopCpu.push(bare.cpuPerRequest)
        drains.push({
          perSecond,
          cpuPerEvent,
          ratio: perSecond / bare.perSecond,
          cpuRatio: bare.cpuPerRequest / cpuPerEvent,
        })
      }
      const of = (field: keyof Drain) => median(drains.map((one) => one[field]))
      const perCore = 1e6 / of('cpuPerEvent')
      rows.push([
        name,
        whole(of('perSecond')),
        fixed(of('cpuPerEvent')),
        whole(perCore),
        fixed(of('ratio'), 2),
        fixed(of('cpuRatio'), 2),
      ])
      const [ratio, isBatch] = [of('ratio'), 'BATCH' in vars]
      const met = isBatch ? of('perSecond') >= batchTarget : ratio >= target
      notes.push(
        isBatch
          ? `${name}: target ≥ ${whole(batchTarget)} events/s: ${met ? 'met' : 'MISSED'}`
          : `${name}: target ≥ ${target} of the loop: ${met ? 'met' : 'MISSED'}`,
      )
      if (name === kinds[0].name) {
        const slow = await drain({ sluiceway, requests, sink }, slowMs)
        const what = `the same, answered after ${slowMs} ms`
        rows.push([what, whole(slow.perSecond), fixed(slow.cpuPerEvent), whole(1e6 / slow.cpuPerEvent), '', ''])
        notes.push(
          `${what}: target ≥ ${whole(slowTarget)} events/s: ${slow.perSecond >= slowTarget ? 'met' : 'MISSED'}`,
        )
        sink.answer(200)
      }
      notes.push(await atHalf({ sluiceway, requests, sink }, Math.min(of('perSecond'), 8_000)))
    } finally {
      await sluiceway.stop()
    }
  }
  rows.push([
    'a loop of fetch, nothing else',
    whole(median(loops)),
    fixed(median(loopCpu)),
    whole(1e6 / median(loopCpu)),
    '1.00',
    '1.00',
  ])
  say(`${table(rows)}\n\n${notes.join('\n')}`)
})

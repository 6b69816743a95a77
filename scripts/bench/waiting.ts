// What a million events that wait at a lane take, how fast they drain, and what other destinations notice of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import { Delays } from './delays.ts'
import { numbersFrom } from './flags.ts'
import { freePort, HeapWatch } from './heap-watch.ts'
import { runLoad } from './run-load.ts'
import { MemoryWatch } from './memory-watch.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { type Sink, startSink } from './sink.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:backlog -- [options]

Collects events at a webhook lane whose receiver is down, opens the receiver, and measures how fast the lane drains, in batches
of 100: first a few (the rate of a lane with nothing behind it), then a million. Once with the stream log(), where they wait in
the log, and once with queues(), where they wait in the lane up to its quota, and in R2 beyond it. Another destination has live
traffic before, and while the million wait and drain: its delays are compared. Memory is what the Worker's isolate holds after a
collection of garbage, looked at each second, which is what Cloudflare limits; beside it stands by how much the process of the
runtime grew, with everything in it (SQLite, R2 and the queue of the local runtime, garbage). A collection stops the Worker, so
that memory and time are not measured at once: the first third of the drain tells the memory, the rest delays and rate.

  --events <n>   events that wait (default: 1000000)
  --few <n>      events of the drain that it is compared with (default: 30000)
  --quota <n>    megabytes that may wait in the lane (default: 20)
  --rate <n>     live events a second (default: 200)
  --help         show this
`

const flags = numbersFrom(help, { events: 1_000_000, few: 30_000, quota: 20, rate: 200 })
const mostMegabytes = 100
const say = (text: string) => process.stdout.write(`${text}\n`)
const liveKey = 'live-write-key-of-the-bench'

interface Lanes {
  readonly stream: string
  readonly sluiceway: Sluiceway
  readonly sink: Sink
  readonly live: Sink
  readonly requests: Requests
  readonly liveRequests: Requests
}

/** Sends events until so many wait; those of a queue must be in the lane before many more come: locally, it is in memory. */
async function collect({ sluiceway, requests, stream }: Lanes, events: number): Promise<number> {
  const first = requests.numbers.next
  let sent = 0
  while (sent < events) {
    const { accepted, refused } = await runLoad({ url: sluiceway.url, requests, connections: 8, seconds: 0.5 })
    for (const [what, times] of Object.entries(refused)) throw new Error(`NOT ACCEPTED: ${times} × ${what}`)
    sent += accepted
    if (stream === 'log') continue
    for (const end = clock() + 300_000; (await laneOf(sluiceway)).depth < sent - 5_000; await sleep(100))
      if (clock() > end) throw new Error(`of ${sent} events that were accepted, not all are at the lane`)
  }
  for (const end = clock() + 300_000; (await laneOf(sluiceway)).depth < sent; await sleep(100))
    if (clock() > end) throw new Error(`of ${sent} events that were accepted, not all are at the lane`)
  return requests.numbers.next - first
}

const laneOf = async (sluiceway: Sluiceway) => {
  const lane = (await sluiceway.state()).lanes.find(({ target }) => target === 'sink')
  if (lane === undefined) throw new Error('there is no lane of the sink')
  return lane
}

/** Opens the receiver. */
async function openSink({ sluiceway, sink }: Lanes): Promise<void> {
  sink.answer(200)
  await sluiceway.resume()
}

/** Waits until so many events have arrived, of which `from` had before the call. Returns how many arrived in a second. */
async function arrive({ sink }: Lanes, events: number, from = sink.events()): Promise<number> {
  const at = clock()
  for (const end = clock() + 600_000; sink.events() < events; await sleep(20))
    if (clock() > end) throw new Error(`only ${sink.events()} of ${events} events arrived`)
  return ((events - from) / (clock() - at)) * 1_000
}

/** The most megabytes that the isolate holds meanwhile. */
async function heldWhile<T>(
  { inspect, sluiceway }: { readonly inspect: number; readonly sluiceway: Sluiceway },
  work: () => Promise<T>,
) {
  const heap = await HeapWatch.start(inspect, sluiceway.state)
  const made = await work()
  await heap.stop()
  return { made, megabytes: heap.take() }
}

/** Live events beside something else: how long they take to their sink. */
async function beside<T>(
  { sluiceway, live, liveRequests }: Lanes,
  work: () => Promise<T>,
): Promise<{ readonly made: T; readonly delays: Delays }> {
  const delays = new Delays(live.arrivals)
  const end = new AbortController()
  const load = (async () => {
    while (!end.signal.aborted) {
      const { refused } = await runLoad({
        url: sluiceway.url,
        requests: liveRequests,
        connections: 16,
        seconds: 1,
        rate: flags.rate,
        onAccepted: delays.sent,
      })
      for (const [what, times] of Object.entries(refused)) throw new Error(`NOT ACCEPTED: ${times} × ${what}`)
    }
  })()
  const made = await work()
  end.abort()
  await load
  await sleep(3_000)
  return { made, delays }
}

await session(async (keep) => {
  const salt = Date.now() >>> 0
  const numbers = new Numbers(salt)
  const sink = await keep(startSink(salt))
  const live = await keep(startSink(salt))
  const rows = [
    [
      'stream',
      'waited',
      'in R2',
      'MB held: empty',
      'collecting',
      'waiting',
      'draining',
      'process grew',
      'drain, events/s',
      'of a few',
      'ratio',
      'repeats',
    ],
  ]
  const notes: string[] = []
  for (const stream of ['log', 'queues']) {
    const inspect = await freePort()
    const sluiceway = await startSluiceway({
      config: 'waiting',
      inspect,
      // A lane without room learns by the sweep how much waits in the log.
      tick: 5,
      vars: {
        STREAM: stream,
        WEBHOOK_URL: sink.url,
        LIVE_URL: live.url,
        LIVE_KEY: liveKey,
        WEBHOOK_SECRET: 'whsec_c2x1aWNld2F5LWJlbmNobWFyay1zZWNyZXQtMQ==',
        QUOTA: `${flags.quota}`,
      },
    })
    try {
      const lanes: Lanes = {
        stream,
        sluiceway,
        sink,
        live,
        requests: new Requests(numbers, { per: 100, writeKey: sluiceway.writeKey }),
        liveRequests: new Requests(numbers, { per: 1, writeKey: liveKey }),
      }
      // Once to warm up, and once to measure.
      let few = 0
      for (let round = 0; round < 2; round++) {
        sink.answer(503)
        const there = sink.events()
        const more = await collect(lanes, flags.few)
        await openSink(lanes)
        // The first probe says nothing of the rate.
        await arrive(lanes, there + more * 0.05)
        few = await arrive(lanes, there + more)
      }
      const calm = await beside(lanes, () => sleep(10_000))
      const repeats = sink.repeats()
      const memory = new MemoryWatch(sluiceway.workerdPid)
      const { megabytes: empty } = await heldWhile({ inspect, sluiceway }, () => sleep(3_000))
      sink.answer(503)
      const there = sink.events()
      const { made: waited, megabytes: collecting } = await heldWhile({ inspect, sluiceway }, () =>
        collect(lanes, flags.events),
      )
      const full = await laneOf(sluiceway)
      const down = await beside(lanes, () => sleep(10_000))
      const { megabytes: waiting } = await heldWhile({ inspect, sluiceway }, () => sleep(3_000))
      const { megabytes: draining } = await heldWhile({ inspect, sluiceway }, async () => {
        await openSink(lanes)
        await arrive(lanes, there + waited / 3)
      })
      const busy = await beside(lanes, () => arrive(lanes, there + waited))
      const ms = (one: { readonly delays: Delays }, share: number) => one.delays.sinceSent.quantile(share)
      rows.push([
        `${stream}()`,
        whole(waited),
        whole(full.storage?.spilled?.events ?? 0),
        ...[empty, collecting, waiting, draining, memory.stop()].map((megabytes) => whole(megabytes)),
        whole(busy.made),
        whole(few),
        fixed(busy.made / few, 2),
        whole(sink.repeats() - repeats),
      ])
      notes.push(
        `${stream}(): memory, target < ${mostMegabytes} MB while they wait and drain: ${Math.max(waiting, draining) < mostMegabytes ? 'met' : 'MISSED'}`,
        `${stream}(): live events from sent to sink, p50 and p99 in ms: ${fixed(ms(calm, 0.5))} and ${fixed(ms(calm, 0.99))} with empty lanes, ` +
          `${fixed(ms(down, 0.5))} and ${fixed(ms(down, 0.99))} while the events wait, ${fixed(ms(busy, 0.5))} and ${fixed(ms(busy, 0.99))} while they drain`,
      )
    } finally {
      await sluiceway.stop()
    }
  }
  say(`${table(rows)}\n\n${notes.join('\n')}`)
})

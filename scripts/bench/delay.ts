// How soon an accepted event is at its destination, and how many events per second reach sink and tables for good.
import { setTimeout as sleep } from 'node:timers/promises'
import { drained } from './backlog.ts'
import { clock } from './clock.ts'
import { Connection } from './connection.ts'
import { round } from './contender.ts'
import { Delays } from './delays.ts'
import { numbersFrom } from './flags.ts'
import { runLoad } from './run-load.ts'
import { Random } from './random.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { startSink } from './sink.ts'
import { startSluiceway } from './sluiceway.ts'
import { sustained } from './sustained.ts'
import { whole } from './table.ts'

const help = `Usage: npm run bench:delay -- [options]

Measures the way from the client to the sink of a webhook lane, from the time of sending and from the time of the 200: one
event at a time, and at half of the rate that is accepted at most. Then searches for the highest rate at which the sink and
the tables keep up with what is accepted, as a share of what a Sluiceway without destinations accepts.

  --events <n>        events that are sent one at a time (default: 120)
  --seconds <n>       length of each of the other runs (default: 8)
  --per <n>           events in a request of the other runs (default: 20)
  --connections <n>   kept-alive connections of the other runs (default: 64)
  --help              show this
`

const flags = numbersFrom(help, { events: 120, seconds: 8, per: 20, connections: 64 })
const idleTarget = 100
const sustainedTarget = 0.5
const tick = 2
const say = (text: string) => process.stdout.write(`${text}\n`)

await session(async (keep) => {
  const { per, connections, seconds } = flags
  const salt = Date.now() >>> 0
  const numbers = new Numbers(salt)
  const sink = await keep(startSink(salt))
  const vars = { WEBHOOK_URL: sink.url, STAGE_SECONDS: `${tick}` }
  const full = await keep(startSluiceway({ config: 'full', tick, vars }))
  const bare = await keep(startSluiceway({ config: 'bare', tick }))
  const batches = (writeKey: string) => new Requests(numbers, { per, writeKey })
  const requests = batches(full.writeKey)

  // Makes the tables, and everything warm.
  await runLoad({ url: full.url, requests, connections, seconds: 1 })
  await drained(full, 60)

  const idle = new Delays(sink.arrivals)
  const connection = new Connection(full.url)
  const single = new Requests(numbers, { per: 1, writeKey: full.writeKey })
  const random = new Random(salt)
  for (let i = 0; i < flags.events; i++) {
    const request = single.next()
    const sentAt = clock()
    const { status, body } = await connection.send(request.bytes)
    if (status !== 200) throw new Error(`An event was not accepted: ${status} ${body}`)
    idle.sent(request, sentAt, clock())
    await sleep(random.whole(100, 300))
  }
  connection.close()
  await drained(full, 60)
  const worst = idle.sinceSent.quantile(0.99)
  say(`\nOne event at a time (${flags.events} events)\n${idle.summary()}`)
  say(`target: p99 since sent < ${idleTarget} ms: ${worst < idleTarget ? 'met' : 'MISSED'}`)

  const top = await round(
    { ...full, name: 'full', pid: full.workerdPid, requests },
    { connections, seconds: seconds / 2 },
  )
  await drained(full, 60)
  const half = new Delays(sink.arrivals)
  const rate = top.eventsPerSecond / 2
  const load = await runLoad({ url: full.url, requests, connections, seconds, rate, onAccepted: half.sent })
  await drained(full, 60)
  say(
    `\nAt ${whole(rate)} events/s, half of the ${whole(top.eventsPerSecond)} that are accepted at most (${per} a request)`,
  )
  say(half.summary())
  for (const [what, times] of Object.entries({ ...top.refused, ...load.refused }))
    say(`NOT ACCEPTED: ${whole(times)} × ${what}`)

  const accepting = { ...bare, name: 'bare', pid: bare.workerdPid, requests: batches(bare.writeKey) }
  await round(accepting, { connections, seconds: 1 })
  const { eventsPerSecond } = await round(accepting, { connections, seconds: seconds / 2 })
  say(`\nWithout destinations ${whole(eventsPerSecond)} events/s are accepted. Sink and tables keep up`)
  const share = await sustained({ full, requests, connections, seconds, most: eventsPerSecond, tick, say })
  say(
    `Sustained: ${share.toFixed(2)} of what is accepted without destinations, target ≥ ${sustainedTarget}: ${share >= sustainedTarget ? 'met' : 'MISSED'}`,
  )
})

// Kafka over HTTP on the log itself: what /kafka/produce takes beside /v1/batch, and how fast the log is read.
import { Agent, request } from 'node:http'
import { Workerd } from '../../test/support/workerd.ts'
import { Connection } from './connection.ts'
import { cpuSeconds } from './cpu.ts'
import { Events } from './events.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:kafka -- [options]

Serves a log that is open under /kafka. Appends varied events of about 1.4 KB: to /v1/batch, which checks and enriches them, and
the same to /kafka/produce. Then reads the topic events over HTTP, in answers of 1,000 records: with a group, and by offset. The
yardstick is a Worker that answers each call with such an answer, which it has in memory.

  --seconds <n>       length of a round of appends (default: 4)
  --rounds <n>        rounds of each; medians are told (default: 3)
  --connections <n>   callers at the same time, of appends (default: 16)
  --per <n>           events in a request (default: 20)
  --events <n>        events that are read (default: 100000)
  --help              show this
`

const flags = numbersFrom(help, { seconds: 4, rounds: 3, connections: 16, per: 20, events: 100_000 })
const say = (text: string) => process.stdout.write(`${text}\n`)
/** Events a second, of 1.4 KB, read over HTTP in answers of 1,000. */
const target = 50_000
/** Events in an answer. */
const perAnswer = 1_000
const password = 'for-this-run-only'
const authorization = `Basic ${btoa(`kafka:${password}`)}`

interface Measured {
  readonly rate: number
  /** Microseconds of the server's CPU for each event. */
  readonly cpu: number
}

/** A read, also with microseconds of this process' CPU for each event. */
interface MeasuredRead extends Measured {
  readonly client: number
}

/** What is read, and by which process it is served. */
interface Served {
  readonly url: string
  readonly pid: number | undefined
}

const rateOf = (all: readonly Measured[]) => median(all.map(({ rate }) => rate))
const rowOf = (name: string, all: readonly Measured[]) => [
  name,
  whole(rateOf(all)),
  fixed(median(all.map(({ cpu }) => cpu))),
]
const readRowOf = (name: string, all: readonly MeasuredRead[], bare: readonly Measured[]) => [
  ...rowOf(name, all),
  fixed(median(all.map(({ client }) => client))),
  fixed(rateOf(all) / rateOf(bare), 2),
]

await session(async (keep) => {
  const served = await keep(startSluiceway({ config: 'kafka', tick: 60, vars: { KAFKA_PASSWORD: password } }))
  const numbers = new Numbers(Date.now() % 1_000_000)
  const requests = new Requests(numbers, { per: flags.per, writeKey: served.writeKey })
  const appends: Readonly<Record<string, () => Uint8Array>> = {
    '/v1/batch': () => requests.next().bytes,
    '/kafka/produce': produceRequests(),
  }
  const rows: (readonly string[])[] = [['appends', 'events/s', 'µs of CPU each']]
  const rates = new Map<string, Measured[]>()
  for (let round = 0; round <= flags.rounds; round++)
    for (const [name, next] of Object.entries(appends)) {
      const one = await append(served, next, round === 0 ? 1 : flags.seconds)
      if (round > 0) rates.set(name, [...(rates.get(name) ?? []), one])
    }
  for (const [name, all] of rates) rows.push(rowOf(name, all))
  say(table(rows))
  const [batch, produced] = [...rates.values()].map((all) => median(all.map(({ rate }) => rate)))
  say(`/kafka/produce to /v1/batch: ${fixed((produced ?? 0) / (batch ?? 1), 2)} ×\n`)

  while ((await headOf(served)) < flags.events) await append(served, () => requests.next().bytes, 2)
  const log = { url: served.url, pid: served.workerdPid }
  const bare = await keep(startBare(log))
  const bared: MeasuredRead[] = []
  const consumed: MeasuredRead[] = []
  const fetched: MeasuredRead[] = []
  for (let round = 0; round < flags.rounds; round++) {
    bared.push(await read(bare, () => ['/', {}], repeated))
    consumed.push(
      await read(log, () => [`/kafka/consume/bench-${round}/1`, { topic: 'events', maxRecords: perAnswer }]),
    )
    fetched.push(await read(log, (offset) => ['/kafka/fetch', fetchOf(offset)]))
  }
  const reads = [
    ['reads, 1,000 in an answer', 'events/s', 'µs of CPU each', 'of the client', 'of the yardstick'],
    readRowOf('the same bytes, prepared', bared, bared),
    readRowOf('/kafka/consume', consumed, bared),
    readRowOf('/kafka/fetch', fetched, bared),
  ]
  say(table(reads))
  const rate = rateOf(consumed)
  say(`target ≥ ${whole(target)} events/s: ${rate >= target ? 'met' : 'MISSED'}`)
})

async function append(served: Sluiceway, next: () => Uint8Array, seconds: number): Promise<Measured> {
  const began = performance.now()
  const cpu = cpuSeconds(served.workerdPid)
  const end = began + seconds * 1_000
  let events = 0
  await Promise.all(
    Array.from({ length: flags.connections }, async () => {
      const connection = new Connection(served.url)
      while (performance.now() < end) {
        const { status, body } = await connection.send(next())
        if (status !== 200) throw new Error(`an append was answered with ${status}: ${body.slice(0, 300)}`)
        events += flags.per
      }
      connection.close()
    }),
  )
  return {
    rate: events / ((performance.now() - began) / 1_000),
    cpu: ((cpuSeconds(served.workerdPid) - cpu) * 1e6) / events,
  }
}

/** Requests that are made before the run, used in turn. */
function produceRequests(): () => Uint8Array {
  const events = new Events(7)
  const pool = Array.from({ length: 400 }, (_, i) =>
    requestOf(
      '/kafka/produce',
      Array.from({ length: flags.per }, (_, k) => ({
        topic: 'copies',
        key: `visitor-${i}-${k}`,
        value: JSON.stringify(events.next()),
      })),
    ),
  )
  let turn = 0
  return () => pool[turn++ % pool.length] as Uint8Array
}

function requestOf(path: string, body: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(body))
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${authorization}\r\nkafka-auto-offset-reset: earliest\r\ncontent-length: ${json.byteLength}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), json])
}

async function headOf({ url }: Sluiceway): Promise<number> {
  const answer = await fetch(`${url}/kafka/offsets/latest`, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify({ topic: 'events', partition: 0 }),
  })
  const [end] = (await answer.json()) as { offset: number }[]
  return end?.offset ?? 0
}

function fetchOf(offset: number) {
  return { topic: 'events', partition: 0, offset, maxRecords: perAnswer }
}

/** Serves what the log answers to a first fetch, without looking at the call. */
async function startBare(log: Served): Promise<{ url: string; pid: number | undefined; stop: () => Promise<void> }> {
  const answer = await fetch(`${log.url}/kafka/fetch`, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify(fetchOf(0)),
  })
  const bytes = await answer.arrayBuffer()
  const worker = await Workerd.start(
    {
      stdin: {
        contents: `
          let bytes
          export default {
            async fetch(request) {
              if (request.method === 'PUT') bytes = await request.arrayBuffer()
              else await request.text()
              return new Response(bytes, { headers: { 'content-type': 'application/json' } })
            },
          }`,
        loader: 'js',
      },
    },
    { name: 'bare' },
  )
  await fetch(worker.url, { method: 'PUT', body: bytes })
  return { url: worker.url, pid: worker.pid, stop: () => worker.stop() }
}

/** The offset after the last message of an answer, by its end; undefined when it has none. */
function nextOffset(end: string): number | undefined {
  const last = /.*"topic":"events","partition":0,"offset":(\d+),/s.exec(end)?.[1]
  return last === undefined ? undefined : Number(last) + 1
}

/** As many events as if answers that are always the same went on. */
function repeated(end: string, before: number): number | undefined {
  return nextOffset(end) === perAnswer ? before + perAnswer : undefined
}

/**
 * Reads all events with one caller; the answers are received, but only their ends are looked at.
 *
 * @param served who answers
 * @param call what is sent, by the offset at which reading goes on
 * @param after how many events were read, by the end of an answer and how many there were before
 */
async function read(
  { url, pid }: Served,
  call: (next: number) => readonly [path: string, body: object],
  after: (end: string, before: number) => number | undefined = nextOffset,
): Promise<MeasuredRead> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const began = performance.now()
  const cpu = cpuSeconds(pid)
  const client = cpuSeconds(process.pid)
  let events = 0
  while (events < flags.events) {
    const [path, body] = call(events)
    const next = after(await endOf(agent, `${url}${path}`, body), events)
    if (next === undefined) break
    events = next
  }
  agent.destroy()
  return {
    rate: events / ((performance.now() - began) / 1_000),
    cpu: ((cpuSeconds(pid) - cpu) * 1e6) / events,
    client: ((cpuSeconds(process.pid) - client) * 1e6) / events,
  }
}

/** The last 20,000 bytes of an answer. */
function endOf(agent: Agent, url: string, body: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization, 'kafka-auto-offset-reset': 'earliest', 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      const last: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        last.push(chunk)
        bytes += chunk.length
        while (bytes - (last[0]?.length ?? 0) > 20_000) bytes -= (last.shift() as Buffer).length
      })
      answer.on('end', () => {
        const text = Buffer.concat(last).toString('latin1')
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`a read was answered with ${answer.statusCode}: ${text.slice(0, 300)}`))
      })
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

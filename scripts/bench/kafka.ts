// Kafka over HTTP on the log itself: what /kafka/produce takes beside /v1/batch, and how fast the log is read.
import { Agent, request } from 'node:http'
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
the same to /kafka/produce. Then reads the topic events over HTTP, in answers of 1,000 records: with a group, and by offset.

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
const password = 'for-this-run-only'
const authorization = `Basic ${btoa(`kafka:${password}`)}`

interface Measured {
  readonly rate: number
  /** Microseconds of the server's CPU for each event. */
  readonly cpu: number
}

const rowOf = (name: string, all: readonly Measured[]) => [
  name,
  whole(median(all.map(({ rate }) => rate))),
  fixed(median(all.map(({ cpu }) => cpu))),
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
  const reads: (readonly string[])[] = [['reads, 1,000 in an answer', 'events/s', 'µs of CPU each']]
  const consumed: Measured[] = []
  const fetched: Measured[] = []
  for (let round = 0; round < flags.rounds; round++) {
    consumed.push(await read(served, () => [`/kafka/consume/bench-${round}/1`, { topic: 'events', maxRecords: 1_000 }]))
    fetched.push(
      await read(served, (offset = 0) => [
        '/kafka/fetch',
        { topic: 'events', partition: 0, offset, maxRecords: 1_000 },
      ]),
    )
  }
  reads.push(rowOf('/kafka/consume', consumed), rowOf('/kafka/fetch', fetched))
  say(table(reads))
  const rate = median(consumed.map((one) => one.rate))
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

/** Reads all events with one caller; the answers are received, but only their ends are looked at. */
async function read(
  served: Sluiceway,
  call: (next: number | undefined) => readonly [path: string, body: object],
): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const began = performance.now()
  const cpu = cpuSeconds(served.workerdPid)
  let events = 0
  while (events < flags.events) {
    const [path, body] = call(events === 0 ? undefined : events)
    const end = await endOf(agent, `${served.url}${path}`, body)
    const last = /.*"topic":"events","partition":0,"offset":(\d+),/s.exec(end)?.[1]
    if (last === undefined) break
    events = Number(last) + 1
  }
  agent.destroy()
  return {
    rate: events / ((performance.now() - began) / 1_000),
    cpu: ((cpuSeconds(served.workerdPid) - cpu) * 1e6) / events,
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

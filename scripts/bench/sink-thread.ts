// The thread of `startSink`: an HTTP server that finds the messageIds in what it is sent and notes when they came.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { clock } from './clock.ts'
import { idLength, Ids } from './ids.ts'
import type { SinkMemory } from './sink.ts'

const { salt, counts, arrivals } = workerData as SinkMemory
const ids = new Ids(salt)
const mark = Buffer.from('"messageId":"')

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const now = clock()
    note(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), now)
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok')
  })
})

function note(body: Buffer, now: number): void {
  Atomics.add(counts, 0, 1)
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + idLength)) {
    const from = at + mark.length
    const number = ids.numberOf(body.toString('latin1', from, from + idLength))
    if ((arrivals[number] ?? 0) > 0) Atomics.add(counts, 2, 1)
    else {
      if (number < arrivals.length) arrivals[number] = now
      Atomics.add(counts, 1, 1)
    }
  }
}

server.listen(0, '127.0.0.1', () => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage((server.address() as AddressInfo).port)
})

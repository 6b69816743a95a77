// The thread of `startSink`: an HTTP server that finds the messageIds in what it is sent and notes when they came.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { clock } from './clock.ts'
import { idLength, Ids } from './ids.ts'
import { takeBodies } from './request-bodies.ts'
import type { SinkMemory } from './sink.ts'

const { salt, counts, arrivals } = workerData as SinkMemory
const ids = new Ids(salt)
const mark = Buffer.from('"messageId":"')
const answers = new Map<number, Buffer>()

const server = createServer((socket) => takeBodies(socket, take))

function take(body: Buffer, socket: Socket): void {
  const status = Atomics.load(counts, 4)
  if (status === 200) note(body, clock())
  const waitMs = Atomics.load(counts, 5)
  if (waitMs === 0) socket.write(answerOf(status))
  else setTimeout(() => socket.write(answerOf(status)), waitMs)
}

function answerOf(status: number): Buffer {
  let answer = answers.get(status)
  if (answer === undefined)
    answers.set(
      status,
      (answer = Buffer.from(`HTTP/1.1 ${status} Answer\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok`)),
    )
  return answer
}

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

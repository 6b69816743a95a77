import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Numbers of events whose arrival is noted. */
const capacity = 4_000_000

/** What the thread is started with. */
export interface SinkMemory {
  readonly salt: number
  /** Requests, events, events that came before, nothing, the status of answers, milliseconds until an answer. */
  readonly counts: Int32Array
  /** When the event of each number arrived first, as `clock` tells it; 0 while it has not. */
  readonly arrivals: Float64Array
}

/** Where the webhook lane of a benchmark delivers to. It answers 200 to everything, unless it is told otherwise. */
export interface Sink {
  readonly url: string
  readonly requests: () => number
  /** Events, each counted once. */
  readonly events: () => number
  readonly repeats: () => number
  readonly arrivals: Float64Array
  /** Answers from now on with `status`, `waitMs` milliseconds later; what is not answered with 200 is not noted. */
  readonly answer: (status: number, waitMs?: number) => void
  readonly stop: () => Promise<unknown>
}

/**
 * Starts a webhook receiver in a thread of its own, on loopback.
 *
 * @param salt that of the ids of the events (see `Ids`)
 * @returns once it listens
 */
export async function startSink(salt: number): Promise<Sink> {
  const memory: SinkMemory = {
    salt,
    counts: new Int32Array(new SharedArrayBuffer(24)),
    arrivals: new Float64Array(new SharedArrayBuffer(capacity * 8)),
  }
  const answer: Sink['answer'] = (status, waitMs = 0) => {
    Atomics.store(memory.counts, 4, status)
    Atomics.store(memory.counts, 5, waitMs)
  }
  answer(200)
  const thread = new Worker(join(import.meta.dirname, 'sink-thread.ts'), { workerData: memory })
  const [port] = (await once(thread, 'message')) as [number]
  const count = (i: number) => () => Atomics.load(memory.counts, i)
  return {
    url: `http://127.0.0.1:${port}/`,
    requests: count(0),
    events: count(1),
    repeats: count(2),
    arrivals: memory.arrivals,
    answer,
    stop: () => thread.terminate(),
  }
}

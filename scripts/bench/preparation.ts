import type { Bindings } from '../../src/core/bindings.ts'
import type { Stream } from '../../src/core/stream.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { requestSignalsOf } from '../../src/ingest/request-signals.ts'
import type { IncomingBatch } from '../../src/edge/incoming-batch.ts'
import { prepareBatch } from '../../src/edge/prepare.ts'
import { suppressionsOf } from '../../src/admission/suppression.ts'
import { configWith, connection, type Feature, suppressionList } from './features.ts'
import { realPort } from '../../src/platform/real-port.ts'

/**
 * Makes a measurement of `prepareBatch` with some features switched on.
 *
 * @returns takes bodies of requests, prepares all their events, and gives the microseconds of CPU that each event took,
 * without the parsing; throws when one was not accepted
 */
export function preparation(on: ReadonlySet<Feature>, stream: Stream): (bodies: readonly string[]) => Promise<number> {
  const resolved = configWith(on, stream)
  const bindings = suppressionList() as unknown as Bindings
  const world: AppContext = { resolved, bindings, port: realPort, waitUntil: () => undefined }
  const source = resolved.sources.get('shop')
  if (source === undefined) throw new RangeError('there is no source')
  const headers = { 'cf-connecting-ip': '203.0.113.9', 'user-agent': 'Mozilla/5.0', origin: 'https://shop.example.com' }
  const request = Object.assign(new Request('https://edge.example/v1/batch', { headers }), { cf: connection })
  return async (bodies) => {
    // What is made of one request must not be prepared again: it is changed in place.
    const batches = bodies.map((body) => (JSON.parse(body) as { batch: unknown[] }).batch)
    const events = batches.reduce((sum, { length }) => sum + length, 0)
    let accepted = 0
    const before = process.cpuUsage()
    for (const batch of batches) {
      const arrival: IncomingBatch = { source, events: batch, ...requestSignalsOf(request, source) }
      const known = suppressionsOf(world)
      accepted += (await prepareBatch(arrival, world, known instanceof Promise ? await known : known)).accepted
    }
    const { user, system } = process.cpuUsage(before)
    if (accepted !== events) throw new RangeError(`${accepted} of ${events} events were accepted`)
    return (user + system) / events
  }
}

// What torture.test.ts serves: destinations that fail in all the ways in which they do, and one that works, for which they must not
// matter. `ALONE` leaves the others out.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import type { Route } from '../../src/core/config.ts'
import { passTime } from '../support/lane-clock.ts'

export default defineConfig((env) => {
  const from = Number(env.HOUR_FROM)
  // The destination is back before the time goes as everybody's again: its lane is to find out at the same pace.
  if (from > 0) passTime({ destination: 'down', from, seconds: (Number(env.HOUR_SECONDS) * 65) / 60, minutes: 65 })
  const sink = (url: string | undefined, batches: { maxBatch?: number } = {}) => {
    const isBatched = batches.maxBatch !== undefined
    return { use: webhook({ url, allowPrivate: true, batch: isBatched, ...batches }) }
  }
  const patient = ({ use }: ReturnType<typeof sink>) => ({
    use: { ...use, limits: { ...use.limits, timeoutSeconds: 600 } },
  })
  const healthy = sink(env.HEALTHY)
  const troubled = {
    slow: sink(env.SLOW, { maxBatch: 100 }),
    flapping: sink(env.FLAPPING, { maxBatch: 10 }),
    // Ten minutes of its lane are ten seconds.
    down: patient(sink(env.DOWN, { maxBatch: 100 })),
    choosy: sink(env.CHOOSY),
  }
  const destinations: Record<string, Route> = env.ALONE === undefined ? { healthy, ...troubled } : { healthy }
  return {
    stream: log({ partitions: 2 }),
    sources: { shop: { writeKey: env.WRITE_KEY } },
    destinations,
    admin: { token: env.ADMIN_TOKEN },
  }
})

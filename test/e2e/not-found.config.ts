// What not-found.test.ts serves: a destination whose lane lives 24 minutes of its own in the minute after the start.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { passTime } from '../support/lane-clock.ts'

export default defineConfig((env) => {
  passTime({ destination: 'sink', from: Number(env.FROM), seconds: 60, minutes: 24 })
  const use = webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true })
  return {
    stream: log(),
    sources: { shop: { writeKey: env.WRITE_KEY } },
    // On a busy machine an answer may take half a second, which is 12 of its lane.
    destinations: { sink: { use: { ...use, limits: { ...use.limits, timeoutSeconds: 600 } } } },
    admin: { token: env.ADMIN_TOKEN },
  }
})

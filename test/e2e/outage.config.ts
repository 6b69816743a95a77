// What outage.test.ts serves: the log and R2 can be taken away while it runs, in the ways in which they go.
// The limits of the platform hold.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { defineSource } from 'sluiceway/source'
import { log } from 'sluiceway/streams/log'
import type { Bindings, LogRpc } from '../../src/core/bindings.ts'
import { limitPlatform } from '../support/limited-platform.ts'

/**
 * `throws` at once, `hangs` for ever. A `late` log appends, and answers after the deadline: half a second, or so long that
 * nobody is waiting any more. A `deaf` R2 does everything but delete.
 */
const mode = { log: 'there', r2: 'there' }
let late = 0

const forEver = () => new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error('hung')), 60_000))
const reset = () => Promise.reject(new Error('Durable Object reset because its code was updated.'))

/** Puts switches before the bindings. */
function breakable({ LOG, BUCKET }: Bindings): void {
  const byName = LOG.getByName.bind(LOG)
  const getByName = (name: string): LogRpc => {
    const object = byName(name)
    return new Proxy(object, {
      get:
        (_, method: keyof LogRpc) =>
        async (...args: never[]) => {
          if (mode.log === 'throws') return reset()
          if (mode.log === 'hangs') return forEver()
          const answer = await (object[method] as (...args: never[]) => Promise<unknown>)(...args)
          if (mode.log === 'late' && method === 'append')
            await new Promise((resolve) => setTimeout(resolve, late++ % 2 === 0 ? 2_500 : 15_000))
          return answer
        },
    })
  }
  Object.defineProperty(LOG, 'getByName', { value: getByName })
  for (const verb of ['put', 'get', 'list', 'delete'] as const) {
    const original = BUCKET[verb].bind(BUCKET) as (...args: unknown[]) => Promise<unknown>
    const value = (...args: unknown[]) => {
      if (mode.r2 === 'throws') return Promise.reject(new Error('R2 is unavailable'))
      if (mode.r2 === 'hangs' || (mode.r2 === 'deaf' && verb === 'delete')) return forEver()
      return original(...args)
    }
    Object.defineProperty(BUCKET, verb, { value })
  }
}

const switches = defineSource({
  name: 'switches',
  settings: {},
  map({ body }) {
    Object.assign(mode, body)
    return { reply: { body: JSON.stringify(mode), contentType: 'application/json' } }
  },
})

export default defineConfig((env) => {
  limitPlatform(env, 'sink')
  breakable(env as unknown as Bindings)
  return {
    stream: log(),
    sources: {
      shop: { writeKey: env.WRITE_KEY },
      switches: { writeKey: 'keyOfTheSwitches', webhook: switches(), to: [] },
    },
    destinations: { sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) } },
    admin: { token: env.ADMIN_TOKEN },
  }
})

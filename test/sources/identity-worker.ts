import type { Bindings } from '../../src/core/bindings.ts'
import { IdentityObject } from '../../src/sources/identity-object.ts'

let aheadMs = 0
const realNow = Date.now
// Milliseconds that the test lets pass, or goes back by; the object sees them, the runtime's alarms do not.
Date.now = () => realNow() + aheadMs

/** The object, with a look into its storage. */
export class Identity extends IdentityObject {
  /** Keys that are stored, expired or not. */
  async stored(): Promise<string[]> {
    return this.ctx.storage.sql
      .exec<{ key: string }>('SELECT key FROM memory ORDER BY key')
      .toArray()
      .map(({ key }) => key)
  }

  async alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm()
  }
}

type Env = Bindings & { readonly IDENTITY: DurableObjectNamespace<Identity> }

/** Drives the object over HTTP: `/ahead` moves the clock, `/<name>/<method>` calls it. */
export default {
  async fetch(request, env) {
    const [, name = '', method = ''] = new URL(request.url).pathname.split('/')
    const args = await request.json<unknown[]>()
    if (name === 'ahead') return Response.json((aheadMs = args[0] as number))
    const object = env.IDENTITY.getByName(name) as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    return Response.json((await object[method]?.(...args)) ?? null)
  },
} satisfies ExportedHandler<Env>

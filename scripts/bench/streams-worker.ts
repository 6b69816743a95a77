import type { Bindings } from '../../src/core/bindings.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { pack, type Packed } from '../../src/core/envelope.ts'
import type { Stream } from '../../src/core/stream.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { KafkaObject } from '../../src/streams/kafka/kafka-object.ts'
import { LogObject } from '../../src/streams/log/log-object.ts'

type Env = Bindings & { readonly STREAM: string }

/** What a run is told. */
export interface RunOptions {
  readonly ms: number
  /** Appends that are under way at a time. */
  readonly callers: number
  /** Events of an append. */
  readonly events: number
}

let number = 0

/** Events of one request: about 500 bytes each, of one user, and routed nowhere, so that the append alone is measured. */
const batchOf = (caller: number, events: number): Packed[] =>
  Array.from({ length: events }, () => {
    const id = `order-${caller}-${number++}`
    const header = {
      id,
      key: `user-${caller}`,
      source: 'shop',
      receivedAt: new Date().toISOString(),
      to: [],
      facts: {},
    }
    return pack(header, {
      type: 'track',
      event: 'Order Completed',
      messageId: id,
      userId: `user-${caller}`,
      properties: { order_id: id, note: 'x'.repeat(300) },
    })
  })

/**
 * Makes a Worker around one stream driver that appends as fast as it can.
 *
 * @param driver gets the options of the var `STREAM`
 * @returns handlers and classes
 */
export function benchWorker(driver: (options: object) => Stream) {
  const configOf = defineConfig((env) => ({
    stream: driver(JSON.parse(env['STREAM'] ?? '{}') as object),
    sources: { shop: { writeKey: 'writeKeyOfTheBench' } },
  }))
  const resolved = ({ STREAM }: Env) => resolveConfig(configOf, { STREAM })

  async function run({ ms, callers, events }: RunOptions, env: Env): Promise<{ events: number; ms: number }> {
    const { stream } = resolved(env)
    const start = Date.now()
    let done = 0
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        while (Date.now() - start < ms) {
          await stream.append(batchOf(caller, events), env)
          done += events
        }
      }),
    )
    return { events: done, ms: Date.now() - start }
  }

  const handler: ExportedHandler<Env, string> = {
    async fetch(request, env) {
      const taken = await resolved(env).stream.triggers.fetch?.(request, { bindings: env, port: realPort })
      return taken ?? Response.json(await run(await request.json(), env))
    },
    async queue(batch, env) {
      await resolved(env).stream.triggers.queue?.(batch, { bindings: env, port: realPort })
    },
  }
  return {
    handler,
    Log: class extends LogObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolved(env))
      }
    },
    Kafka: class extends KafkaObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env, resolved(env).stream.kafka)
      }
    },
  }
}

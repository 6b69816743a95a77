import type { Bindings } from '../../src/core/bindings.ts'
import { type ConfigOf } from '../../src/core/config.ts'
import type { Packed } from '../../src/core/envelope.ts'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Stream } from '../../src/core/stream.ts'
import { InvocationBudget } from '../../src/lanes/invocation-budget.ts'
import { LaneObject } from '../../src/lanes/lane-object.ts'
import { KafkaObject } from '../../src/streams/kafka/kafka-object.ts'
import { LogObject } from '../../src/streams/log/log-object.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { Recorder } from './recorder.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import { sinkDestination } from '../support/fake-destination.ts'

type Env = Bindings & {
  readonly RECORDER: Bindings['LANE']
  readonly STREAM: string
  readonly SINK?: string
  readonly SUBREQUESTS?: string
}

let aheadMs = 0
const realNow = Date.now
// Milliseconds that the test lets pass; every object of the isolate sees them.
Date.now = () => realNow() + aheadMs

/** A platform that refuses the fetches beyond `most` of one invocation; a lane shall use less than half of them. */
const limitedWorld = (most: number, invocation: { fetches: number }) => ({
  budget: new InvocationBudget(most * 0.4),
  port: {
    ...realPort,
    fetch: (request: Request) =>
      ++invocation.fetches > most
        ? Promise.reject(new Error('Too many subrequests by single Worker invocation.'))
        : realPort.fetch(request),
  },
})

/**
 * A Worker around one stream driver: the log's object and either real lanes or recorders, driven over HTTP.
 *
 * Vars: `STREAM` the driver's options as JSON, `SINK` the URL of real lanes (without it, lanes are recorders).
 */
export function streamWorker(driver: (options: object) => Stream) {
  const configOf: ConfigOf = defineConfig((env) => ({
    stream: driver(JSON.parse(env['STREAM'] ?? '{}') as object),
    sources: { shop: { writeKey: 'writeKeyOfTheTests' } },
    destinations: {
      webhook: { use: sinkDestination(env['SINK'] ?? '') },
      audit: { use: sinkDestination(env['SINK'] ?? '') },
    },
  }))
  const resolved = ({ STREAM, SINK }: Env) => resolveConfig(configOf, { STREAM, SINK })
  const bound = (env: Env): Env => (env.SINK === undefined ? { ...env, LANE: env.RECORDER } : env)

  const handler: ExportedHandler<Env, string> = {
    async fetch(request, env) {
      const taken = await resolved(env).stream.triggers.fetch?.(request, { bindings: bound(env), port: realPort })
      if (taken !== undefined) return taken
      const [, what] = new URL(request.url).pathname.split('/')
      const body = (await request.json()) as Record<string, unknown>
      try {
        const result =
          what === 'append' ? append(body, env) : what === 'ahead' ? (aheadMs = body['ms'] as number) : call(body, env)
        return Response.json({ result: (await result) ?? null })
      } catch (error) {
        return Response.json({
          code: error instanceof SluicewayError ? error.code : 'thrown',
          message: reasonOf(error),
        })
      }
    },
    async queue(batch, env) {
      await resolved(env).stream.triggers.queue?.(batch, { bindings: bound(env), port: realPort })
    },
  }

  function append({ batch, broken, since }: Record<string, unknown>, env: Env) {
    const { stream } = resolved(env)
    const gone = () => Promise.reject(new Error('the backend is unavailable'))
    const bindings = {
      ...env,
      ...(broken === true
        ? {
            LOG: { getByName: () => ({ append: gone }) },
            KAFKA: { getByName: () => ({ append: gone }) },
            EVENTS: { sendBatch: gone, send: gone },
          }
        : {}),
    }
    return stream.append(batch as Packed[], bindings as unknown as Env, typeof since === 'number' ? { since } : {})
  }

  /** Calls a method of an object; number arrays after `prints` become fingerprints. */
  function call({ object, name, method, args }: Record<string, unknown>, env: Env): unknown {
    const namespace = (object === 'LOG' ? env.LOG : bound(env).LANE) as unknown as {
      getByName: (name: string) => Record<string, (...args: unknown[]) => unknown>
    }
    const given = (args as unknown[]).map((arg) =>
      typeof arg === 'object' && arg !== null && 'prints' in arg ? Uint32Array.from(arg.prints as number[]) : arg,
    )
    return namespace.getByName(name as string)[method as string]?.(...given)
  }

  return {
    handler,
    Log: class extends LogObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, bound(env), resolved(env))
      }
    },
    Lane: class extends LaneObject {
      readonly #invocation: { fetches: number }

      constructor(ctx: DurableObjectState, env: Env) {
        const invocation = { fetches: 0 }
        super(ctx, env, resolved(env), env.SUBREQUESTS === undefined ? {} : limitedWorld(+env.SUBREQUESTS, invocation))
        this.#invocation = invocation
      }

      override async alarm(): Promise<void> {
        this.#invocation.fetches = 0
        await super.alarm()
      }
    },
    Kafka: class extends KafkaObject {
      constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, bound(env), resolved(env).stream.kafka)
      }
    },
    Recorder,
  }
}

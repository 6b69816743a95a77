import { resolve } from 'node:path'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')

/**
 * Starts a deployment in workerd that sends all events to a sink. Beside its own routes, `POST /enqueue` puts a text into its
 * queue, and `POST /tick` runs its schedule.
 *
 * @param config `stream` and `earlierStreams` of its config, as source text; may use the drivers and `upstash`
 * @param sink URL of the sink
 */
export const startDeployment = (config: string, sink: string): Promise<Workerd> =>
  Workerd.start(
    {
      stdin: {
        contents: `
          import { sluiceway } from './src/worker.ts'
          import { defineConfig } from './src/configure/define-config.ts'
          import { kafka } from './src/streams/kafka.ts'
          import { log } from './src/streams/log.ts'
          import { qstash } from './src/streams/qstash.ts'
          import { queues } from './src/streams/queues.ts'
          import { upstash } from './src/fronts/upstash.ts'
          import { sinkDestination } from './test/support/fake-destination.ts'
          const app = sluiceway(defineConfig(() => ({
            ${config},
            sources: { shop: { writeKey: 'writeKeyOfTheTests' } },
            destinations: { webhook: { use: sinkDestination('${sink}') } },
          })))
          export class Log extends app.Log {}
          export class Lane extends app.Lane {}
          export class Loader extends app.Loader {}
          export class Suppression extends app.Suppression {}
          export class RateLimiter extends app.RateLimiter {}
          export class Identity extends app.Identity {}
          export class Topic extends app.Topic {}
          export class Group extends app.Group {}
          export class Catalog extends app.Catalog {}
          export class Kafka extends app.Kafka {}
          export class Poller extends app.Poller {}
          export default {
            ...app.handler,
            async fetch(request, env, ctx) {
              const { pathname } = new URL(request.url)
              if (pathname === '/enqueue') await env.EVENTS.send(await request.text(), { contentType: 'text' })
              else if (pathname === '/tick') await app.handler.scheduled({}, env, ctx)
              else return app.handler.fetch(request, env, ctx)
              return new Response()
            },
          }`,
        resolveDir: root,
        loader: 'ts',
      },
    },
    {
      name: 'earlier',
      durableObjects: Object.fromEntries(
        Object.entries({
          LOG: 'Log',
          LANE: 'Lane',
          LOADER: 'Loader',
          SUPPRESSION: 'Suppression',
          RATE: 'RateLimiter',
          IDENTITY: 'Identity',
          TOPIC: 'Topic',
          GROUP: 'Group',
          CATALOG: 'Catalog',
          KAFKA: 'Kafka',
          POLLER: 'Poller',
        }).map(([name, className]) => [name, { className, useSQLite: true }]),
      ),
      r2Buckets: ['BUCKET'],
      queueProducers: { EVENTS: 'events' },
      queueConsumers: { events: { maxBatchSize: 100, maxBatchTimeout: 0.05, maxRetries: 100 } },
    },
  )

import { resolve } from 'node:path'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')

/** The write key of the source `web`. */
export const writeKey = 'writeKeyOfTheKafkaTests'

/**
 * Starts a deployment whose log is open under `/kafka`, in workerd.
 *
 * @param log what the config hands to `log()`, as source text
 */
export const startKafkaServer = (log: string): Promise<Workerd> =>
  Workerd.start(
    {
      stdin: {
        contents: `
          import { sluiceway } from './src/worker.ts'
          import { defineConfig } from './src/configure/define-config.ts'
          import { log } from './src/streams/log.ts'
          const app = sluiceway(defineConfig(() => ({
            stream: log(${log}),
            sources: { web: { writeKey: '${writeKey}' } },
            destinations: {},
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
          export default app.handler`,
        resolveDir: root,
        loader: 'ts',
      },
    },
    {
      name: 'kafka',
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
        }).map(([name, className]) => [name, { className, useSQLite: true }]),
      ),
      r2Buckets: ['BUCKET'],
      queueProducers: { EVENTS: 'events' },
    },
  )

import { resolve } from 'node:path'
import { Workerd } from '../support/workerd.ts'

const root = resolve(import.meta.dirname, '../..')

/** The write key of the source `web`. */
export const writeKey = 'writeKeyOfTheKafkaTests'
/** The token of the admin API. */
export const adminToken = 'admin-token-of-the-kafka-tests'

interface KafkaServerOptions {
  /** More imports, as source text. */
  readonly imports?: string
  /** More sources of the config, as source text that ends in a comma. */
  readonly sources?: string
  /** The destinations of the config, as source text that ends in a comma. */
  readonly destinations?: string
  /** Members of the class of the log, as source text; they may use `super`. */
  readonly logMembers?: string
  /** More bindings: text that the config gets as `env`. */
  readonly vars?: Readonly<Record<string, string>>
}

/**
 * Starts a deployment whose log is open under `/kafka`, in workerd. Its schedule runs each second while requests come.
 *
 * `restart({ LOG_CHANGES: … })` changes what is handed to `log()`, as JSON, null for what is taken out. `/test/ahead/<ms>` lets time pass,
 * `/test/minutes/<count>` with the schedule of each minute.
 *
 * @param log what the config hands to `log()`, as source text
 * @param options what else is in the config
 */
export const startKafkaServer = (
  log: string,
  { imports = '', sources = '', destinations = '', logMembers = '', vars = {} }: KafkaServerOptions = {},
): Promise<Workerd> =>
  Workerd.start(
    {
      stdin: {
        contents: `
          import { sluiceway } from './src/worker.ts'
          import { defineConfig } from './src/configure/define-config.ts'
          import { log } from './src/streams/log.ts'
          ${imports}
          let aheadMs = 0
          const realNow = Date.now
          Date.now = () => realNow() + aheadMs
          const app = sluiceway(defineConfig((env) => ({
            stream: log(
              Object.fromEntries(
                Object.entries({ ...(${log}), ...JSON.parse(env.LOG_CHANGES ?? '{}') }).filter(([, value]) => value !== null),
              ),
            ),
            sources: { ${sources} web: { writeKey: '${writeKey}' } },
            admin: { token: '${adminToken}' },
            destinations: { ${destinations} },
          })))
          export class Log extends app.Log {${logMembers}}
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
              const [, what, count] = /[/]test[/](ahead|minutes)[/](\\d+)/.exec(request.url) ?? []
              if (what === undefined) return app.handler.fetch(request, env, ctx)
              if (what === 'ahead') aheadMs += Number(count)
              else
                for (let minute = 0; minute < Number(count); minute++) {
                  aheadMs += 60_000
                  await app.handler.scheduled({}, env, ctx)
                }
              return new Response(String(Date.now()))
            },
          }`,
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
          POLLER: 'Poller',
        }).map(([name, className]) => [name, { className, useSQLite: true }]),
      ),
      r2Buckets: ['BUCKET'],
      queueProducers: { EVENTS: 'events' },
      bindings: { LOCAL: '1', TICK_SECONDS: '1', ...vars },
    },
  )

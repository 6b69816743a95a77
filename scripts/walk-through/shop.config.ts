// The deployment of the walk-through: a shop's events and a marketplace's webhook go to Kafka as Avro, to a webhook and to tables.
import { defineConfig } from 'sluiceway/config'
import { kafka } from 'sluiceway/destinations/kafka'
import { webhook } from 'sluiceway/destinations/webhook'
import type { Event } from 'sluiceway/event'
import { upstash } from 'sluiceway/fronts/upstash'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'
import { marketplace } from './marketplace.ts'
import { topics } from './schemas.ts'

const eventToTopicMap = Object.fromEntries(Object.entries(topics).map(([topic, { event }]) => [event, topic]))
const schemaIds = new Map<string | undefined, number>(Object.values(topics).map(({ event, id }) => [event, id]))

/** Names the schema of an event, as RudderStack's users do; a registry needs nobody to. */
const namesItsSchema = {
  name: 'names-its-schema',
  transformEvent: (event: Event) => ({
    ...event,
    integrations: { ...event.integrations, Kafka: { schemaId: schemaIds.get(event.event) } },
  }),
}

export default defineConfig((env) => {
  const { REGISTRY_URL: registryUrl } = env
  const hasRegistry = registryUrl !== undefined
  return {
    // Two topics beside the built-in one, which are written where KAFKA_URL is this deployment's own /kafka.
    stream: log({
      topics: { orders: { partitions: 3 }, views: { partitions: 3 } },
      users: {
        router: { password: env['ROUTER_PASSWORD'], read: ['orders', 'views'], write: ['orders', 'views'] },
        inventory: { password: env['INVENTORY_PASSWORD'], read: ['orders'], groups: ['inventory'] },
        email: { password: env['EMAIL_PASSWORD'], read: ['orders'], groups: ['email'] },
      },
    }),
    sources: {
      shop: { writeKey: env.WRITE_KEY },
      marketplace: {
        writeKey: env['MARKETPLACE_KEY'],
        webhook: marketplace({ secret: env['MARKETPLACE_SECRET'] }),
      },
    },
    destinations: {
      kafka: {
        use: kafka({
          front: upstash({
            url: env['KAFKA_URL'],
            username: 'router',
            password: env['ROUTER_PASSWORD'],
            allowPrivate: true,
          }),
          eventToTopicMap,
          allowedTopics: [],
          key: '${userId}',
          value: ({ messageId, userId, properties }) => ({ message_id: messageId, customer: userId, ...properties }),
          ...(hasRegistry
            ? {
                registry: {
                  url: registryUrl,
                  allowPrivate: true,
                  schema: 'register',
                  schemas: Object.fromEntries(Object.entries(topics).map(([topic, { schema }]) => [topic, schema])),
                },
              }
            : {
                convertToAvro: true,
                embedAvroSchemaID: true,
                avroSchemas: Object.values(topics).map(({ id, schema }) => ({ schemaId: id, schema })),
              }),
        }),
        filter: ({ type, event }) => type === 'track' && schemaIds.has(event),
        transforms: hasRegistry ? [] : [namesItsSchema],
      },
      crm: { use: webhook({ url: env['CRM_URL'], secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
    },
    warehouses: { tables: { use: d1(), stageSeconds: 1 } },
    admin: { token: env.ADMIN_TOKEN },
  }
})

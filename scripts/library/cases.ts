import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionDefinition, Definition, FieldDefinition } from '../../src/library/definition.ts'
import type { Json } from '../../src/library/json.ts'
import type { Mappings } from '../../src/library/subscriptions.ts'

interface Examples {
  readonly examples: readonly { readonly call: string; readonly event: Json }[]
}

const user = {
  userId: 'ada-1815',
  anonymousId: 'anon-ada',
  timestamp: '2026-11-28T09:30:00.000Z',
  originalTimestamp: '2026-11-28T09:30:00.000Z',
  sentAt: '2026-11-28T09:30:01.000Z',
  receivedAt: '2026-11-28T09:30:02.000Z',
}

const context = {
  ip: '203.0.113.77',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  locale: 'en-GB',
  timezone: 'Europe/London',
  page: {
    url: 'https://shop.example.com/engines?utm_source=letter',
    path: '/engines',
    title: 'Engines',
    referrer: 'https://search.example.com/',
    search: '?utm_source=letter',
  },
  campaign: { name: 'spring', source: 'letter', medium: 'email' },
  device: { id: 'device-1842', type: 'ios', advertisingId: '3A4B5C6D-0000-4000-8000-1842', manufacturer: 'Babbage' },
  os: { name: 'iOS', version: '26.1' },
  app: { name: 'Engine Shop', version: '2.4.1', namespace: 'com.example.engines' },
  library: { name: 'analytics.js', version: '3.34.1' },
  network: { carrier: 'Post' },
  screen: { width: 1280, height: 800 },
  traits: { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace', phone: '+442071838750' },
}

const properties = {
  email: 'ada@example.com',
  phone: '+442071838750',
  order_id: 'order-1842',
  currency: 'EUR',
  value: 18.42,
  revenue: 18.42,
}

/** One event for each name of the specification: the first of its examples, with a whole context. */
export function specEvents(root: string): Json[] {
  const files = ['calls', 'ecommerce', 'mobile', 'video']
  const all = files.flatMap(
    (file) => (JSON.parse(readFileSync(join(root, 'test/spec', `${file}.json`), 'utf8')) as Examples).examples,
  )
  const first = Map.groupBy(all, ({ call, event }) => `${call} ${call === 'track' ? textOf(event['event']) : ''}`)
  return [...first.values()].map(([example], i) => {
    const { call, event } = example as Examples['examples'][number]
    const more = call === 'track' ? { properties: { ...properties, ...(event['properties'] as Json) } } : {}
    const traits =
      call === 'identify' || call === 'group' ? { traits: { ...context.traits, ...(event['traits'] as Json) } } : {}
    return { ...user, ...event, ...more, ...traits, type: call, messageId: `message-${i + 1}`, context }
  })
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Settings that pass the checks of a destination: made of names, types and choices. */
export function madeSettings({ slug = '', authentication }: Definition): Json {
  const made = Object.entries({ ...madeFields(authentication?.fields ?? {}), ...particularSettings[slug] })
  return Object.fromEntries(made.filter(([name]) => name !== 'auth_password'))
}

const madeFields = (fields: Readonly<Record<string, FieldDefinition>>): Json =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, madeValue(name, field)]))

function madeValue(name: string, field: FieldDefinition & { readonly format?: string }): unknown {
  const [choice] = field.choices ?? []
  const single = () => {
    if (field.default !== undefined) return field.default
    if (choice !== undefined)
      return typeof choice === 'object' && choice !== null ? (choice as { value: unknown }).value : choice
    switch (field.type) {
      case 'boolean':
        return false
      case 'number':
      case 'integer':
        return 7
      case 'object':
        return field.properties === undefined ? { colour: 'brass' } : madeFields(field.properties)
      case 'datetime':
        return '2026-11-28T09:30:00.000Z'
      default:
        return madeText(name, field.format)
    }
  }
  const value = single()
  return field.multiple === true && !Array.isArray(value) ? [value] : value
}

function madeText(name: string, format: string | undefined): string {
  if (format === 'email' || /email/i.test(name)) return 'ada@example.com'
  if (format === 'uri' || /url|endpoint|callback/i.test(name)) return 'https://vendor.example.com/in'
  if (/domain|host/i.test(name)) return 'vendor.example.com'
  if (/phone/i.test(name)) return '+442071838750'
  if (/currency/i.test(name)) return 'EUR'
  if (/country/i.test(name)) return 'GB'
  if (/timestamp|time|date/i.test(name)) return '2026-11-28T09:30:00.000Z'
  if (/ip/i.test(name) && /address/i.test(name)) return '203.0.113.77'
  return `value-of-${name}`
}

/**
 * Each action by its own trigger and defaults, with values for required fields without a default; or, with `all`, each action
 * for every call, with made values for all fields.
 */
export function madeMappings({ slug = '', actions }: Definition, which: 'required' | 'all'): Mappings {
  return Object.fromEntries(
    Object.entries(actions).map(([name, action]) => {
      const isOwn = which === 'required' && action.defaultSubscription !== undefined
      const fields = which === 'required' ? madeRequired(action) : { ...madeAll(action), ...particular[slug] }
      return [name, { ...(isOwn ? {} : { when: anyCall }), fields: pick(fields, action) }]
    }),
  )
}

const anyCall = 'type = "track" or type = "identify" or type = "group" or type = "page" or type = "screen"'

/** Values that some destinations look at closely, by slug. */
const particular: Readonly<Record<string, Json>> = {
  'actions-slack': { url: 'https://hooks.slack.com/services/T1842/B1842/brass' },
  'actions-zapier': { zapSubscriptionUrl: 'https://hooks.zapier.com/hooks/catch/1842/brass' },
  'actions-cloud-gwen': { userId: '00000000-0000-4000-8000-000000001815' },
  'actions-linkedin-conversions': { onMappingSave: { outputs: { id: '1842', name: 'orders' } } },
  'actions-twilio-messaging': { channel: 'SMS' },
}

const particularSettings: Readonly<Record<string, Json>> = {
  // Its first letters say where the account is.
  'actions-ortto': { api_key: 'aau-1842' },
}

const pick = (fields: Json, { fields: known = {}, hooks = {} }: ActionDefinition): Json =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => name in known || name in hooks))

const madeRequired = ({ fields = {} }: ActionDefinition): Json =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      field.required === true && field.default === undefined ? [[name, madeValue(name, field)]] : [],
    ),
  )

const madeAll = ({ fields = {} }: ActionDefinition): Json =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => !/^(enable_batching|batch_|__)/.test(name))
      .map(([name, { default: _, ...field }]) => [name, madeValue(name, field)]),
  )

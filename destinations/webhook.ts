import {
  defineDestination,
  headerPart,
  type HttpRequest,
  type Item,
  makeMapping,
  makeTemplate,
  mappingProblem,
  perIsolate,
  templateProblem,
  urlPart,
} from 'sluiceway/destination'
import type { Event, Json } from 'sluiceway/event'

const encoder = new TextEncoder()

/** Headers that belong to the request itself or to the signature. */
const taken = /^(webhook-.*|content-type|content-length|transfer-encoding|host|connection)$/i

/**
 * Sends events as they are to any URL: the event as JSON body, one a request, or an array of them when `batch` is set. With
 * `body`, what is sent has a shape of your own; `url` and `headers` may have parts of the event in them, as `${userId}`.
 *
 * Signed by the Standard Webhooks scheme (version 1, HMAC-SHA256) when there is a secret. `webhook-id` is the messageId, and
 * stays the same for every attempt: receivers use it against repeats. For a batch of several it is
 * `<first messageId>~<last messageId>~<count>`. In it, "." (which delimits what is signed), "%" and everything that a header
 * cannot hold are percent-encoded.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-22)
 *
 * @param input `url` (https, a public host), and optionally `method`, `secret`, `batch`, `maxBatch` (events), `headers`, `body`,
 *   `allowPrivate`
 * @returns the destination, for `destinations` in the config
 * @example webhook({ url: 'https://crm.example.com/events', secret: env.CRM_SECRET, batch: true })
 */
export const webhook = defineDestination({
  name: 'webhook',
  settings: {
    url: {
      type: 'url',
      about: 'Where events are sent.',
      insecureWhen: 'allowPrivate',
      check: templateProblem,
    },
    method: { type: 'choice', choices: ['POST', 'PUT', 'PATCH'], about: 'The HTTP method.', default: 'POST' },
    secret: {
      type: 'string',
      about: 'Signs requests: "whsec_" and base64 of at least 24 random bytes, or any text of at least 16 characters.',
      secret: true,
      optional: true,
      check: secretProblem,
    },
    batch: {
      type: 'boolean',
      about: 'Sends arrays of events; without it, each event is a request of its own.',
      default: false,
    },
    maxBatch: { type: 'number', about: 'The most events in one array.', default: 100, min: 1, max: 1_000, whole: true },
    headers: {
      type: 'headers',
      about: 'More headers for every request, for example an authorization; parts of an event may be in them.',
      optional: true,
      check: (headers: Readonly<Record<string, string>>) => {
        const name = Object.keys(headers).find((one) => taken.test(one))
        if (name !== undefined) return `cannot set "${name}": the webhook sets it`
        return Object.values(headers)
          .map(templateProblem)
          .find((problem) => problem !== undefined)
      },
    },
    body: {
      type: 'json',
      about:
        'The shape of what is sent of an event, with expressions such as $.properties.total; without it, the event.',
      optional: true,
      check: mappingProblem,
    },
    allowPrivate: {
      type: 'boolean',
      about: 'Allows http and hosts that are not public, for tests on one machine.',
      default: false,
    },
  },
  check: ({ batch, url, headers = {} }) =>
    batch && [url, ...Object.values(headers)].some((text) => text.includes('${'))
      ? ['"url" and "headers" cannot hold parts of an event where "batch" is true: a request has several events']
      : [],
  limits: ({ batch, maxBatch }) => ({ events: batch ? maxBatch : 1 }),
  encode: (envelope, settings) => {
    const { id, text } = envelope
    const { filled, body } = planOf(settings)
    // The event is parsed at the first look.
    if (filled === undefined && body === undefined) return { id, text }
    const { event } = envelope
    const own = body === undefined ? text : JSON.stringify(body(event) ?? null)
    return { id, text: filled === undefined ? own : JSON.stringify({ ...filled(event), body: own }) }
  },
  request: async (items, settings, { now }) => {
    const { secret, batch, method } = settings
    const { text } = items[0] as Item
    const { url, headers, body } =
      planOf(settings).filled === undefined
        ? { url: settings.url, headers: settings.headers ?? {}, body: batch ? joined(items) : text }
        : (JSON.parse(text) as Filled & { body: string })
    const id = await idOf(items)
    const timestamp = Math.floor(now / 1000)
    return {
      method: method as HttpRequest['method'],
      url,
      headers: {
        'user-agent': 'Sluiceway',
        ...lowerCaseNames(headers),
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': `${timestamp}`,
        ...(secret === undefined ? {} : { 'webhook-signature': await sign(`${id}.${timestamp}.${body}`, secret) }),
      },
      body,
    }
  },
})

const joined = (items: readonly Item[]): string => `[${items.map(({ text }) => text).join(',')}]`

/** What of a request one event decides. */
interface Filled {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What is made of the settings once. */
const planOf = perIsolate(({ url, headers = {}, body }: Pick<Filled, 'url'> & Partial<Filled> & { body?: Json }) => ({
  body: body === undefined ? undefined : makeMapping(body),
  filled: [url, ...Object.values(headers)].some((text) => text.includes('${')) ? fillOf(url, headers) : undefined,
}))

function fillOf(url: string, headers: Filled['headers']): (event: Event) => Filled {
  const address = makeTemplate(url, urlPart)
  const texts = Object.entries(headers).map(([name, text]) => [name, makeTemplate(text, headerPart)] as const)
  return (event) => {
    const filled = address(event)
    if (filled === undefined) throw new Error('the event has nothing for a part of "url"')
    return {
      url: filled,
      headers: Object.fromEntries(
        texts.flatMap(([name, text]) => (text(event) === undefined ? [] : [[name, text(event) ?? '']])),
      ),
    }
  }
}

const lowerCaseNames = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** Servers refuse headers of more than some KB, and a client may choose any messageId: a long one is named by its SHA-256. */
const longestId = 256

async function idOf(items: readonly Item[]): Promise<string> {
  const first = await headerIdOf((items[0] as Item).id)
  return items.length === 1 ? first : `${first}~${await headerIdOf((items.at(-1) as Item).id)}~${items.length}`
}

async function headerIdOf(id: string): Promise<string> {
  if (id.length <= longestId) return escapeId(id)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(id)))
  return `sha256-${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

const escapeId = (id: string): string =>
  /^[\x21-\x24\x26-\x2d\x2f-\x7e]*$/.test(id)
    ? id
    : id.toWellFormed().replaceAll(/[^\x21-\x7e]|[.%]/gu, (c) => (c === '.' ? '%2E' : encodeURIComponent(c)))

/** Imported keys by secret: there are as many as there are webhooks in the config. */
const keys = new Map<string, CryptoKey>()

async function sign(content: string, secret: string): Promise<string> {
  let key = keys.get(secret)
  if (key === undefined) {
    key = await crypto.subtle.importKey('raw', bytesOf(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    keys.set(secret, key)
  }
  const signature = await crypto.subtle.sign('HMAC', key, encoder.encode(content))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(signature)))}`
}

const bytesOf = (secret: string): Uint8Array<ArrayBuffer> =>
  secret.startsWith('whsec_')
    ? Uint8Array.from(atob(secret.slice('whsec_'.length)), (character) => character.charCodeAt(0))
    : Uint8Array.from(encoder.encode(secret))

function secretProblem(secret: string): string | undefined {
  if (!secret.startsWith('whsec_')) return secret.length >= 16 ? undefined : 'must have at least 16 characters'
  try {
    if (bytesOf(secret).byteLength >= 24) return undefined
  } catch {
    // Not base64: told below, without the secret.
  }
  return 'must be "whsec_" and base64 of at least 24 bytes; make one with `openssl rand -base64 32`'
}

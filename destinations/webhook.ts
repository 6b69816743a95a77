import { defineDestination, type Item } from 'sluiceway/destination'

const encoder = new TextEncoder()

/** Headers that belong to the request itself or to the signature. */
const taken = /^(webhook-.*|content-type|content-length|transfer-encoding|host|connection)$/i

/**
 * Sends events as they are to any URL: the event as JSON body, one a request, or an array of them when `batch` is set.
 *
 * Signed by the Standard Webhooks scheme (version 1, HMAC-SHA256) when there is a secret. `webhook-id` is the messageId, and
 * stays the same for every attempt: receivers use it against repeats. For a batch of several it is
 * `<first messageId>~<last messageId>~<count>`. In it, "." (which delimits what is signed), "%" and everything that a header
 * cannot hold are percent-encoded.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-22)
 *
 * @param input `url` (https, a public host), and optionally `secret`, `batch`, `maxBatch` (events), `headers`,
 *   `allowPrivate`
 * @returns the destination, for `destinations` in the config
 * @example webhook({ url: 'https://crm.example.com/events', secret: env.CRM_SECRET, batch: true })
 */
export const webhook = defineDestination({
  name: 'webhook',
  settings: {
    url: { type: 'url', about: 'Where events are sent.', insecureWhen: 'allowPrivate' },
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
      about: 'More headers for every request, for example an authorization.',
      optional: true,
      check: (headers: Readonly<Record<string, string>>) => {
        const name = Object.keys(headers).find((one) => taken.test(one))
        return name === undefined ? undefined : `cannot set "${name}": the webhook sets it`
      },
    },
    allowPrivate: {
      type: 'boolean',
      about: 'Allows http and hosts that are not public, for tests on one machine.',
      default: false,
    },
  },
  limits: ({ batch, maxBatch }) => ({ events: batch ? maxBatch : 1 }),
  encode: ({ id, text }) => ({ id, text }),
  request: async (items, { url, secret, batch, headers }, { now }) => {
    const body = batch ? `[${items.map(({ text }) => text).join(',')}]` : (items[0] as Item).text
    const id = await idOf(items)
    const timestamp = Math.floor(now / 1000)
    return {
      method: 'POST',
      url,
      headers: {
        'user-agent': 'Sluiceway',
        ...(headers === undefined ? {} : lowerCaseNames(headers)),
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': `${timestamp}`,
        ...(secret === undefined ? {} : { 'webhook-signature': await sign(`${id}.${timestamp}.${body}`, secret) }),
      },
      body,
    }
  },
})

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

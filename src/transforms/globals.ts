import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import { isIpAddress } from './ip-address.ts'

/** What the code of a user has beside JavaScript itself, as in RudderStack. */
export interface TransformGlobals {
  /** Writes a line while a transform is tested; does nothing otherwise. */
  readonly log: (...values: unknown[]) => void
  /** Gives the JSON of the answer's body, or the text `ERROR`; never rejects. */
  readonly fetch: (url: string, init?: RequestInit) => Promise<unknown>
  /** Gives the answer; rejects with a plain object that has `message` and `stack`. */
  readonly fetchV2: (url: string, init?: RequestInit) => Promise<FetchAnswer>
  /** Gives where an address is. */
  readonly geolocation: (ip: string) => Promise<unknown>
  readonly getCredential: (key: unknown) => string | undefined
  /** An object of the transform's own. */
  readonly global: Record<string, unknown>
}

/** What `fetchV2` gives. */
export interface FetchAnswer {
  readonly url: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON where it is JSON, else the text. */
  readonly body: unknown
}

interface Options {
  /** Checks the address and asks. */
  readonly send: (request: Request) => Promise<Response>
  readonly credentials: Readonly<Record<string, unknown>>
  /** URL of the service of `geolocation`. */
  readonly geolocation: string | undefined
  readonly global: Record<string, unknown>
  /** Takes lines of `log`; left out where nobody reads them. */
  readonly say?: ((line: string) => void) | undefined
}

/** Globals, and a place for what is known of addresses. */
export interface MadeGlobals {
  readonly globals: TransformGlobals
  /** Notes where the edge saw an event come from. */
  readonly learn: (event: Event) => void
}

const mostPlaces = 5_000
const geolocationMs = 1_000

/**
 * Makes the globals of a transform.
 *
 * @param options what they reach
 */
export function createGlobals(options: Options): MadeGlobals {
  const { send, credentials, say } = options
  const places = new Map<string, Readonly<Record<string, unknown>>>()
  const ask = async (url: unknown, init?: RequestInit): Promise<Response> => {
    if (url === undefined || url === null || url === '') throw new Error('fetch url is required')
    const text = String(url).trim()
    if (!/^https?:/i.test(text)) throw new Error('invalid protocol, only http and https are supported')
    return send(new Request(text, init))
  }
  const globals: TransformGlobals = {
    log: (...values) => say?.(`Log:${values.map((value) => ` ${shown(value)}`).join('')}`),
    fetch: async (url, init) => {
      try {
        return await (await ask(url, init)).json()
      } catch {
        return 'ERROR'
      }
    },
    fetchV2: async (url, init) => {
      try {
        const answer = await ask(url, init)
        const body = parsed(await answer.text())
        return { url: answer.url, status: answer.status, headers: Object.fromEntries(answer.headers), body }
      } catch (thrown) {
        throw plainError(thrown)
      }
    },
    geolocation: async (ip) => {
      if (ip === undefined || ip === null || ip === '') throw new Error('ip address is required')
      if (typeof ip !== 'string' || !isIpAddress(ip)) throw new Error('invalid ip address')
      const known = places.get(ip)
      if (known !== undefined) return { ...known }
      if (options.geolocation === undefined) throw new Error('geolocation is not available right now')
      const url = `${options.geolocation.replace(/\/$/, '')}/geoip/${encodeURIComponent(ip)}`
      const answer = await send(new Request(url, { signal: AbortSignal.timeout(geolocationMs) }))
      if (answer.ok) return answer.json()
      await answer.body?.cancel()
      throw new Error(`request to fetch geolocation failed with status code: ${answer.status}`)
    },
    getCredential: (key) => {
      if (key === undefined || key === null) throw new TypeError('Key should be valid and defined')
      return Object.hasOwn(credentials, key as string) ? (credentials[key as string] as string) : undefined
    },
    global: options.global,
  }
  return {
    globals,
    learn: ({ context }) => {
      const ip = context?.['ip']
      const geo = context?.['geo']
      if (typeof ip !== 'string' || !isRecord(geo) || places.has(ip)) return
      if (places.size >= mostPlaces) places.clear()
      places.set(ip, placeOf(ip, geo))
    },
  }
}

/** The facts of the edge, under the names that RudderStack's lookup gives them. */
function placeOf(ip: string, geo: Record<string, unknown>): Record<string, unknown> {
  const { city, country, region, latitude, longitude, postalCode, timezone } = geo
  const hasPoint = latitude !== undefined && longitude !== undefined
  return {
    ip,
    city,
    country,
    region,
    location: hasPoint ? [latitude, longitude].join(',') : undefined,
    postal: postalCode,
    timezone,
  }
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return String(value)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** A plain object with an error's own properties. */
function plainError(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return { message: String(thrown) }
  const own = Object.getOwnPropertyNames(thrown).map((name) => [name, (thrown as Record<string, unknown>)[name]])
  return Object.fromEntries(own) as unknown
}

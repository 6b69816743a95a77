import { reasonOf } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { Port } from '../core/port.ts'
import { retryAfterSeconds } from '../core/retry.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { RegistryError } from './registry-error.ts'
import type { RegistrySettings } from './registry-settings.ts'

const mediaType = 'application/vnd.schemaregistry.v1+json'
/** Bytes of an answer that are read: Confluent's registry takes schemas of at most 1 MB. */
const mostBytes = 4_000_000
/** Characters of the registry's own words in an error. */
const wordsOfError = 300

/** One call of the registry's API. */
export interface RegistryCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Behind the base URL; subjects are encoded already. */
  readonly path: string
  readonly body?: unknown
}

/**
 * Calls a registry once.
 *
 * Redirects are not followed: they would take the credential along.
 *
 * @param settings where it is, and how it lets us in
 * @param port the network and the clock
 * @param call what is asked
 * @throws {SluicewayError} registry_failed, a `RegistryError` that says whether trying again may help
 * @returns the JSON of the answer
 */
export async function callRegistry(
  settings: RegistrySettings,
  port: Pick<Port, 'fetch' | 'now'>,
  call: RegistryCall,
): Promise<unknown> {
  const { method, path } = call
  const name = `${method} ${path}`
  let answer: Answer
  const abort = new AbortController()
  try {
    answer = await withTimeout(exchangeWith(settings, port, call, abort.signal), settings.timeoutSeconds * 1_000, 'it')
  } catch (cause) {
    abort.abort()
    throw new RegistryError(`the schema registry cannot be reached: ${reasonOf(cause)} (${name})`, {
      status: 0,
      errorCode: 0,
      retry: true,
      cause,
    })
  }
  const { status, headers, text } = answer
  const json = parse(text)
  if (status >= 200 && status < 300) {
    if (json !== undefined) return json
    throw new RegistryError(
      `the schema registry answered ${status} to ${name}, but not with JSON: check its URL (${cut(text)})`,
      { status, errorCode: 0, retry: false },
    )
  }
  const { error_code: code, message } = isRecord(json) ? json : {}
  const errorCode = typeof code === 'number' ? code : 0
  const words = typeof message === 'string' ? message : text
  const what = errorCode === 0 || errorCode === status ? `${status}` : `${status} (${errorCode})`
  const afterSeconds = retryAfterSeconds(headers.get('retry-after') ?? undefined, port.now())
  throw new RegistryError(`the schema registry answered ${what} to ${name}${words === '' ? '' : `: ${cut(words)}`}`, {
    status,
    errorCode,
    retry: status >= 500 || status === 408 || status === 425 || status === 429,
    ...(afterSeconds === undefined ? {} : { afterSeconds }),
  })
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function exchangeWith(
  settings: RegistrySettings,
  port: Pick<Port, 'fetch'>,
  { method, path, body }: RegistryCall,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await port.fetch(
    new Request(settings.url.replace(/\/+$/, '') + path, {
      method,
      headers: {
        accept: `${mediaType}, application/json`,
        'user-agent': 'Sluiceway',
        ...(body === undefined ? {} : { 'content-type': mediaType }),
        ...authorizationOf(settings),
      },
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )
  return { status: response.status, headers: response.headers, text: await readText(response) }
}

function authorizationOf({ user, password, token }: RegistrySettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (user === undefined) return {}
  const bytes = new TextEncoder().encode(`${user}:${password ?? ''}`)
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}

/** Reads an answer up to its limit; rejects beyond it. */
async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) throw new RangeError(`its answer has more than ${mostBytes} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const cut = (words: string): string =>
  words.length <= wordsOfError ? words : `${words.slice(0, wordsOfError).toWellFormed()}…`

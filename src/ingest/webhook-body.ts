import { Buffer } from 'node:buffer'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { charsetIn, type Decode, decoderFor, lettersOf } from './charset.ts'

/** What a webhook's body holds. */
export interface WebhookBody {
  /** Its JSON, or the fields of a form; undefined when it is neither, or empty. */
  readonly body: unknown
  /** Why it could not be read although it says how: a sentence without a point. */
  readonly unreadable?: string
}

/**
 * Reads the fields of a form, or JSON whatever it is called, in the charset that it names.
 *
 * @param bytes the body, inflated
 * @param contentType as the request states it; empty when it states none
 */
export async function webhookBodyOf(bytes: Uint8Array, contentType: string): Promise<WebhookBody> {
  if (bytes.byteLength === 0) return { body: undefined }
  const form = /^\s*(multipart\/form-data|application\/x-www-form-urlencoded)\b/i.exec(contentType)?.[1]?.toLowerCase()
  const charset = charsetIn(contentType)
  const decode = decoderFor(charset)
  if (decode === undefined) {
    const problem = `the charset "${charset}" is not known; send UTF-8`
    return { body: undefined, unreadable: form === undefined ? problem : `error during parsing form: ${problem}` }
  }
  if (form === 'multipart/form-data') return multipartOf(bytes, contentType, charset === undefined ? undefined : decode)
  // Some clients send JSON under the name of a form; a form itself would have its brackets escaped.
  if (form !== undefined && !/^\s*[[{]/.test(new TextDecoder().decode(bytes.subarray(0, 64))))
    return { body: fieldsOf(pairsIn(bytes, decode)) }
  try {
    return { body: parseJsonKeepingDigits(decode(bytes)) }
  } catch {
    return { body: undefined }
  }
}

/** Reads a body that is to be kept as it is: letter by letter, whatever it is. */
export const rawTextOf = (bytes: Uint8Array, contentType: string): string =>
  (decoderFor(charsetIn(contentType)) ?? (decoderFor(undefined) as Decode))(bytes)

async function multipartOf(bytes: Uint8Array, contentType: string, decode: Decode | undefined): Promise<WebhookBody> {
  const content = decode === undefined ? bytes : Buffer.from(decode(bytes), 'utf8')
  try {
    const answer = new Response(content as Uint8Array<ArrayBuffer>, { headers: { 'content-type': contentType } })
    const fields = [...(await answer.formData())].map(
      ([name, value]) =>
        [name, typeof value === 'string' ? value : { name: value.name, type: value.type, size: value.size }] as const,
    )
    return { body: fieldsOf(fields) }
  } catch {
    return { body: undefined, unreadable: 'error during parsing multiform' }
  }
}

/** The names and values of `application/x-www-form-urlencoded` (https://url.spec.whatwg.org/#urlencoded-parsing). */
function* pairsIn(bytes: Uint8Array, decode: Decode): Generator<readonly [name: string, value: string]> {
  const textIn = (part: string): string => {
    const plain = part
      .replaceAll('+', ' ')
      .replace(/%([\da-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    return /[\u0080-\u00ff]/.test(plain) ? decode(Buffer.from(plain, 'latin1')) : plain
  }
  for (const pair of lettersOf(bytes).split('&')) {
    if (pair === '') continue
    const end = pair.indexOf('=')
    yield end < 0 ? [textIn(pair), ''] : [textIn(pair.slice(0, end)), textIn(pair.slice(end + 1))]
  }
}

/** The fields of a form; one that comes several times is a list. */
function fieldsOf(pairs: Iterable<readonly [name: string, value: unknown]>): Record<string, unknown> {
  const fields = new Map<string, unknown[]>()
  for (const [name, value] of pairs) {
    if (name === '__proto__') continue
    const before = fields.get(name)
    if (before === undefined) fields.set(name, [value])
    else before.push(value)
  }
  return Object.fromEntries([...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}

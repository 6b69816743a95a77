import type { Destination, HttpRequest, HttpResponse, Item } from '../core/destination.ts'
import type { LetterExchange } from '../core/dead-letter.ts'
import { perIsolate } from '../core/per-isolate.ts'
import { secretName } from '../core/secret-name.ts'

/** UTF-16 code units that are kept of a body, of what was sent, of a URL, and of one header. */
const bodyLength = 32_768
const urlLength = 4_096
const headerLength = 1_024
/** Headers that are kept of a request, and of an answer. */
const mostHeaders = 50

const mask = '***'
/** Shorter ones stand in too many texts by chance. */
const shortestSecret = 4

/** Names of members of a body whose values are credentials: fewer, since events have names of all kinds. */
const secretMember =
  /^(api|app|access|auth|client|private|project|secret|write)[-_]?(key|token|secret)$|^(token|secret|password|passwd|authorization|bearer|credentials?)$/i

/** Hides the secrets of one destination. */
interface Redactor {
  /** Masks every secret of the settings that stands in a text, as it is or escaped for a URL or JSON. */
  readonly text: (text: string) => string
  /** Names of headers of the settings, in lower case. */
  readonly headers: ReadonlySet<string>
}

/** Makes what hides the secrets of a destination; once in each isolate. */
export const redactorOf = perIsolate(({ secrets }: Destination): Redactor => {
  const texts = (secrets?.texts ?? []).filter((one) => one.length >= shortestSecret)
  const forms = new Set(texts.flatMap((one) => [one, encodeURIComponent(one), JSON.stringify(one).slice(1, -1)]))
  // A longer one may hold a shorter one.
  const all = [...forms].toSorted((a, b) => b.length - a.length)
  return {
    text: (text) => all.reduce((masked, one) => masked.replaceAll(one, mask), text),
    headers: new Set(secrets?.headers),
  }
})

/**
 * A request and its answer, as a dead letter holds them: `toJSON` hides credentials and cuts what is long, so that nothing of a
 * healthy event is looked at and no secret is ever written.
 */
export class SentExchange {
  readonly #destination: Destination
  readonly #item: Item
  readonly #request: HttpRequest | undefined
  readonly #response: HttpResponse | undefined

  /**
   * @param destination whose secrets are hidden
   * @param item what was sent of the event
   * @param exchange the request, as far as there was one, and its answer
   */
  constructor(
    destination: Destination,
    item: Item,
    exchange: { readonly request: HttpRequest | undefined; readonly response: HttpResponse | undefined },
  ) {
    this.#destination = destination
    this.#item = item
    this.#request = exchange.request
    this.#response = exchange.response
  }

  toJSON(): LetterExchange {
    const redactor = redactorOf(this.#destination)
    const cut: string[] = []
    const keep = (what: string, text: string, most: number): string => {
      const clean = redactor.text(text)
      if (clean.length <= most) return clean
      cut.push(`Only the first ${most} of ${clean.length} characters of ${what} were kept.`)
      return clean.slice(0, most)
    }
    const headersOf = (of: string, headers: Readonly<Record<string, string>>): Record<string, string> => {
      const all = Object.entries(headers)
      if (all.length > mostHeaders)
        cut.push(`Only the first ${mostHeaders} of ${all.length} headers of ${of} were kept.`)
      return Object.fromEntries(
        all
          .slice(0, mostHeaders)
          .map(([name, value]) => [
            name,
            secretName.test(name) || redactor.headers.has(name.toLowerCase())
              ? mask
              : keep(`the header ${name}`, /location$/i.test(name) ? maskQuery(value) : value, headerLength),
          ]),
      )
    }
    const request = this.#request && {
      method: this.#request.method,
      url: keep('the URL', maskQuery(this.#request.url), urlLength),
      headers: headersOf('the request', this.#request.headers),
      ...(this.#request.body === undefined
        ? {}
        : { body: keep('the body of the request', maskMembers(this.#request.body), bodyLength) }),
    }
    const response = this.#response && {
      status: this.#response.status,
      headers: headersOf('the answer', this.#response.headers),
      body: keep('the body of the answer', maskMembers(this.#response.body), bodyLength),
    }
    const isBody = this.#request?.body === this.#item.text
    return {
      ...(isBody ? {} : { sent: keep('what was sent', maskMembers(this.#item.text), bodyLength) }),
      ...(request === undefined ? {} : { request }),
      ...(response === undefined ? {} : { response }),
      ...(cut.length === 0 ? {} : { cut }),
    }
  }
}

/** Masks texts of a JSON or a form that are credentials by the name that they stand under. */
export const maskMembers = (body: string): string =>
  /^\s*[[{]/.test(body)
    ? body.replaceAll(/"([\w-]{1,40})"(\s*:\s*)"(?:[^"\\]|\\.)*"/g, (whole, name: string, colon: string) =>
        secretMember.test(name) ? `"${name}"${colon}"${mask}"` : whole,
      )
    : body.replaceAll(/(^|&)([\w-]{1,40})=[^&\s]*/g, (whole, before: string, name: string) =>
        secretMember.test(name) ? `${before}${name}=${mask}` : whole,
      )

/** Masks the user, the password and the parameters of a URL that are credentials by their name. */
function maskQuery(text: string): string {
  return text
    .replace(/^(\w+:\/\/)[^/?#@]*@/, `$1${mask}@`)
    .replaceAll(/([?&#])([^=&#]*)=([^&#]*)/g, (whole, before: string, name: string) =>
      secretName.test(name) ? `${before}${name}=${mask}` : whole,
    )
}

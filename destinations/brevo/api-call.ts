// Calls as https://developers.brevo.com/reference/create-contact takes them, and Mailchimp and Zendesk as well (checked 2026-11-29)
import { isRecord, type Item } from 'sluiceway/destination'

/** What one event asks of a vendor's API. */
export interface ApiCall {
  readonly method?: 'POST' | 'PUT'
  /** Behind the address of the API. */
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** The item of an event that asks for one call, or for none. */
export const itemOf = (id: string, call: ApiCall | undefined): Item | null =>
  call === undefined ? null : { id, text: JSON.stringify(call) }

/**
 * Makes the request of an item that `itemOf` has made.
 *
 * @param items one
 * @param api the address of the API, and headers for all of its calls
 */
export function requestOf(
  items: readonly Item[],
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
) {
  const { method = 'POST', path, body } = JSON.parse((items[0] as Item).text) as ApiCall
  return { method, url: `${url}${path}`, headers, body: JSON.stringify(body) }
}

/**
 * Finds a text in a vendor's answer: what it says beside may name the user.
 *
 * @param body of the answer
 * @param path names of members, from the outside in
 * @returns at most 200 characters; undefined where there is no text
 */
export function answerText(body: string, ...path: readonly string[]): string | undefined {
  try {
    let found: unknown = JSON.parse(body)
    for (const name of path) found = isRecord(found) ? found[name] : undefined
    return typeof found === 'string' ? found.slice(0, 200) : undefined
  } catch {
    return undefined
  }
}

// Requests of events: https://www.rudderstack.com/docs/destinations/streaming-destinations/http-webhook/ (checked 2026-11-29)
import { headerPart, isRecord, makeMapping, makeTemplate, perIsolate, urlPart } from 'sluiceway/destination'
import type { Event, Json } from 'sluiceway/event'
import { xmlOf } from './xml.ts'

/** The settings that make a request of events. */
interface RequestSettings {
  readonly url: string
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Json
  readonly format: string
  readonly xmlRoot: string
  readonly batch: boolean
  readonly arrayPath?: string
  readonly around?: Json
}

/** What makes requests of events. */
interface Plan {
  /** What is sent of one event, as text. */
  readonly encode: (event: Event) => string
  readonly request: (texts: readonly string[]) => Made
}

interface Made {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Says what is wrong with the place of an array. */
export const placeProblem = (place: string): string | undefined =>
  /^[\w$-]+(\.[\w$-]+)*$/.test(place) && !place.split('.').includes('__proto__')
    ? undefined
    : 'must be names with dots between them, as data.events'

/** What is made of the settings once. */
export const planOf = perIsolate((settings: RequestSettings): Plan => {
  const { url, method, headers = {}, body, batch, format, xmlRoot } = settings
  const hasBody = method !== 'GET' && method !== 'DELETE'
  const shape = body === undefined ? undefined : makeMapping(body)
  const bodyOf = (event: Event): unknown => (shape === undefined ? event : (shape(event) ?? null))
  const textOf = (event: Event): string =>
    format === 'form'
      ? formOf(bodyOf(event))
      : format === 'xml'
        ? xmlOf(xmlRoot, bodyOf(event))
        : JSON.stringify(bodyOf(event))
  const address = makeTemplate(url, urlPart)
  const texts = Object.entries(headers).map(
    ([name, text]) => [name.toLowerCase(), makeTemplate(text, headerPart)] as const,
  )
  if (batch)
    return {
      encode: textOf,
      request: (events) => ({ url, headers: lowerCased(headers), body: wrapped(events, settings) }),
    }
  return {
    encode: (event) => {
      const filled = address(event)
      if (filled === undefined) throw new Error('the event has nothing for a part of "url"')
      const own = texts.map(([name, text]) => [name, text(event)] as const).filter(([, text]) => text !== undefined)
      return JSON.stringify({
        url: filled,
        headers: Object.fromEntries(own),
        ...(hasBody ? { body: textOf(event) } : {}),
      })
    },
    request: ([text = '']) => JSON.parse(text) as Made,
  }
})

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]))

/** Puts the array of a batch where the API wants it. */
function wrapped(events: readonly string[], { arrayPath, around }: RequestSettings): string {
  const list = `[${events.join(',')}]`
  if (arrayPath === undefined) return list
  const body = isRecord(around) ? structuredClone(around) : {}
  const steps = arrayPath.split('.')
  const last = steps.pop() ?? ''
  let holder: Record<string, unknown> = body
  for (const step of steps) {
    const next = isRecord(holder[step]) ? holder[step] : {}
    holder[step] = next
    holder = next
  }
  // The events are JSON already: to read and write them again costs time and the digits of long numbers.
  const mark = `@${crypto.randomUUID()}`
  holder[last] = mark
  return JSON.stringify(body).replace(`"${mark}"`, () => list)
}

/** The fields of a form; objects and lists in them are JSON, as RudderStack sends them. */
function formOf(body: unknown): string {
  if (!isRecord(body)) throw new Error('the body must be an object, to be the fields of a form')
  const fields = Object.entries(body)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]): [string, string] => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  return new URLSearchParams(fields).toString()
}

import type { Attempt } from '../core/dead-letter.ts'
import type { Destination, HttpResponse, Item } from '../core/destination.ts'
import type { Envelope } from '../core/envelope.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import { retryAfterSeconds } from '../core/retry.ts'
import { done, type Verdict } from '../core/verdict.ts'

/** The most of an answer's body that is read, in bytes. */
const bodyBytes = 10_240

/** What became of one event in one delivery. */
export interface Fate {
  readonly verdict: Verdict
  /** A stable word for a dead letter: `http_400`, `encode_failed`, …; `held` when it was not sent because of its key. */
  readonly code: string
  /** The answer's body or a stack, for the reader of a dead letter. */
  readonly detail?: string
}

/** One request that was sent: which events it carried, by their place in the call. */
export interface Sent extends Attempt {
  readonly events: readonly number[]
  readonly verdict: Verdict['kind'] | 'mixed'
  readonly afterSeconds?: number
}

export interface Delivery {
  /** In the order of the events given. */
  readonly fates: readonly Fate[]
  readonly sent: readonly Sent[]
}

interface Parcel {
  readonly event: number
  readonly item: Item
}

/**
 * Delivers events to one destination: encodes them, sends requests within the destination's limits one after the other, and
 * halves a refused batch until the refused events stand alone. Once an event must be retried, later ones of its key are not
 * sent: they must not overtake it.
 *
 * @param envelopes what to deliver, in order; already transformed
 * @param destination where to
 * @param world fetch and clock; `ordered: false` lets events of a key overtake each other
 * @returns a fate for every event; never rejects
 */
export async function deliver(
  envelopes: readonly Envelope[],
  destination: Destination,
  { port, ordered = true }: { readonly port: Port; readonly ordered?: boolean },
): Promise<Delivery> {
  const fates: Fate[] = []
  const sent: Sent[] = []
  const stopped = new Set<string>()
  const parcels: Parcel[] = []
  envelopes.forEach((envelope, event) => {
    try {
      const item = destination.encode(envelope)
      if (item === null) fates[event] = { verdict: { kind: 'skip', reason: 'not for this destination' }, code: 'skip' }
      else parcels.push({ event, item })
    } catch (error) {
      fates[event] = dead('encode_failed', reasonOf(error), error instanceof Error ? error.stack : undefined)
    }
  })
  const { events, bytes } = destination.limits
  for (let at = 0; at < parcels.length;) {
    let end = at
    let size = 0
    while (end < parcels.length && end - at < events) {
      size += (parcels[end] as Parcel).item.text.length
      if (size > bytes && end > at) break
      end++
    }
    await send(parcels.slice(at, end))
    at = end
  }
  return { fates, sent }

  async function send(parcelsOfOne: readonly Parcel[]): Promise<void> {
    const group = parcelsOfOne.filter(({ event }) => {
      const held = stopped.has(keyOf(event))
      if (held) fates[event] = { verdict: { kind: 'retry', reason: 'an earlier event of its key waits' }, code: 'held' }
      return !held
    })
    if (group.length === 0) return
    const items = group.map(({ item }) => item)
    const started = port.now()
    const answer = await exchange(items, destination, port)
    const verdicts = verdictsOf(answer, items, destination, port.now())
    const first = verdicts[0] as Verdict
    const same = verdicts.every(({ kind }) => kind === first.kind)
    // A request that could not be made was not sent and says nothing of the destination.
    if (answer.failure?.kind !== 'dead')
      sent.push({
        at: started,
        ms: port.now() - started,
        status: answer.status,
        events: group.map(({ event }) => event),
        verdict: same ? first.kind : 'mixed',
        ...(same && 'reason' in first ? { reason: first.reason } : {}),
        ...(same && first.kind === 'retry' && first.afterSeconds !== undefined
          ? { afterSeconds: first.afterSeconds }
          : {}),
      })
    // One verdict for a batch says nothing of its events: the half that is all right goes through.
    if (group.length > 1 && answer.whole && first.kind === 'dead') {
      const half = group.length >> 1
      await send(group.slice(0, half))
      await send(group.slice(half))
      return
    }
    group.forEach(({ event }, i) => {
      const verdict = verdicts[i] as Verdict
      if (ordered && (verdict.kind === 'retry' || verdict.kind === 'pause')) stopped.add(keyOf(event))
      fates[event] = {
        verdict,
        code: answer.failure?.kind === 'dead' ? 'request_failed' : codeOf(answer),
        ...(answer.body === '' ? {} : { detail: answer.body }),
      }
    })
  }

  function keyOf(event: number): string {
    return (envelopes[event] as Envelope).key
  }
}

const codeOf = ({ status }: HttpResponse): string => (status === 0 ? 'no_answer' : `http_${status}`)

interface Answer extends HttpResponse {
  /** False when the destination gave each event its own verdict. */
  whole: boolean
  /** Why there is no answer. */
  readonly failure?: Verdict
}

async function exchange(items: readonly Item[], destination: Destination, port: Port): Promise<Answer> {
  const none = { status: 0, headers: {}, body: '', whole: true }
  let request: Request
  try {
    const { url, body, ...rest } = await destination.request(items, { now: port.now() })
    request = new Request(url, {
      ...rest,
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(destination.limits.timeoutSeconds * 1000),
    })
  } catch (error) {
    return { ...none, failure: { kind: 'dead', reason: `the request could not be made: ${reasonOf(error)}` } }
  }
  try {
    const response = await port.fetch(request)
    const wanted = !response.ok || destination.verdicts !== undefined
    const body = wanted ? await readSome(response) : ''
    if (!wanted) void response.body?.cancel().catch(() => undefined)
    return { status: response.status, headers: Object.fromEntries(response.headers), body, whole: true }
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError'
    const reason = late
      ? `no answer within ${destination.limits.timeoutSeconds} s`
      : `no connection: ${reasonOf(error)}`
    return { ...none, failure: { kind: 'retry', reason } }
  }
}

function verdictsOf(answer: Answer, items: readonly Item[], destination: Destination, now: number): Verdict[] {
  const all = (verdict: Verdict) => items.map(() => verdict)
  if (answer.failure !== undefined) return all(answer.failure)
  if (destination.verdicts === undefined) return all(verdictOf(answer, now))
  try {
    const own = destination.verdicts(answer, items)
    if (!Array.isArray(own)) return all(own as Verdict)
    if (own.length !== items.length) throw new Error(`${own.length} verdicts for ${items.length} events`)
    answer.whole = false
    return own as Verdict[]
  } catch (error) {
    return all({ kind: 'retry', reason: `the answer could not be read: ${reasonOf(error)}` })
  }
}

/**
 * Decides by the status of an answer.
 *
 * 2xx done · 408, 425, 429 and 5xx retry (with `Retry-After`) · 401, 403 (credential), 410 (endpoint gone) and 3xx (moved:
 * redirects are not followed) pause the lane · every other status is dead for this event.
 */
export function verdictOf(response: HttpResponse, now: number): Verdict {
  const { status } = response
  if (status >= 200 && status < 300) return done
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const afterSeconds = retryAfterSeconds(response.headers['retry-after'], now)
    return { kind: 'retry', reason: `HTTP ${status}`, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
  }
  if (status === 401 || status === 403) return { kind: 'pause', reason: `HTTP ${status}: the credential is refused` }
  if (status === 410) return { kind: 'pause', reason: 'HTTP 410: the endpoint says that it is gone' }
  if (status < 400) return { kind: 'pause', reason: `HTTP ${status}: the endpoint has moved; change its URL` }
  return { kind: 'dead', reason: `HTTP ${status}` }
}

const dead = (code: string, reason: string, detail?: string): Fate => ({
  verdict: { kind: 'dead', reason },
  code,
  ...(detail === undefined ? {} : { detail }),
})

async function readSome(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (let left = bodyBytes; left > 0;) {
    const { done: ended, value } = await reader.read()
    if (ended) return text + decoder.decode()
    text += decoder.decode(value.subarray(0, left), { stream: true })
    left -= value.byteLength
  }
  await reader.cancel()
  return text
}

import { defaultUserCodeMs } from '../core/deadline.ts'
import type { Attempt, LetterExchange } from '../core/dead-letter.ts'
import type { Destination, HttpResponse, Item } from '../core/destination.ts'
import type { Envelope } from '../core/envelope.ts'
import { reasonOf, stackOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Verdict } from '../core/verdict.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { Deadlines } from './deadlines.ts'
import { exchange, type Exchange, type ExchangeTools } from './exchange.ts'
import { maskMembers, redactorOf, SentExchange } from './sent-exchange.ts'
import { verdictOfStatus } from './status-verdict.ts'

/** What became of one event in one delivery. */
export interface Outcome {
  readonly verdict: Verdict
  /**
   * A stable word for a dead letter: `http_400`, `encode_failed`, …; `held` when it was not sent because of its key,
   * `platform` when a limit of the platform kept it from being sent, `suspended` when a transform on its way is.
   */
  readonly code: string
  /** The response's body or a stack, for the reader of a dead letter. */
  readonly detail?: string
  /** What of the event is left to be sent, where a part of it was delivered. */
  readonly rest?: string
  /** The last request and its answer, unless the event was delivered. */
  readonly exchange?: SentExchange | LetterExchange
}

/** One request that was sent: which events it carried, by their place in the call. */
export interface SentRequest extends Attempt {
  readonly events: readonly number[]
  readonly verdict: Verdict['kind'] | 'mixed'
  readonly afterSeconds?: number
  /** True when it was refused and its events were sent again in two halves, which say more. */
  readonly isHalved?: boolean
}

/** What one call of `deliver` did. */
export interface Delivery {
  /** In the order of the events given. */
  readonly outcomes: readonly Outcome[]
  readonly sent: readonly SentRequest[]
}

/** The detail of an outcome, left out where there is none. */
export const detailOf = (detail: string): Pick<Outcome, 'detail'> =>
  detail === '' ? {} : { detail: detail.slice(0, detailLength) }

/** UTF-16 code units of a detail. */
const detailLength = 10_240

/** An event in the form in which the destination wants it. */
interface EncodedEvent {
  /** Its place in the call. */
  readonly event: number
  readonly item: Item
}

/** Refusals in a row, with no other answer between them, after which a refused batch is not halved any more. */
const refusalsToStop = 12

/** How a delivery is done. */
export interface DeliveryOptions {
  readonly port: Port
  /** False lets events of a key overtake each other; default true. */
  readonly ordered?: boolean
  /** True when the destination took events lately, so that a refused batch is halved to find the event to blame; default false. */
  readonly isProven?: boolean
  /** Milliseconds that `request` of the destination may take; default 5,000. */
  readonly userCodeMs?: number
  /** Of the lane, where several deliveries are under way at once. */
  readonly deadlines?: Deadlines
}

/**
 * Delivers events to one destination: encodes them, sends requests within the destination's limits one after the other, and
 * halves a refused batch until the refused events stand alone. Once an event must be retried, later ones of its key are not
 * sent: they must not overtake it.
 *
 * @param envelopes what to deliver, in order; already transformed
 * @param destination where to
 * @param options see DeliveryOptions
 * @returns an outcome for every event; never rejects
 */
export async function deliver(
  envelopes: readonly Envelope[],
  destination: Destination,
  options: DeliveryOptions,
): Promise<Delivery> {
  const delivering = new Delivering(envelopes, destination, options)
  const encoded = delivering.encode()
  if (encoded.length === 1) await delivering.send(encoded)
  else for (const batch of batchesOf(encoded, destination.limits)) await delivering.send(batch)
  return delivering
}

/** The state of one call of `deliver`. */
class Delivering implements Delivery {
  readonly outcomes: Outcome[] = []
  readonly sent: SentRequest[] = []
  /** Keys whose later events are not sent, with the code that these get. */
  #stopped: Map<string, 'held' | 'platform'> | undefined
  readonly #envelopes: readonly Envelope[]
  readonly #destination: Destination
  readonly #tools: ExchangeTools
  readonly #ordered: boolean
  readonly #isProven: boolean
  /** Requests that were refused one after the other. */
  #refused = 0

  constructor(envelopes: readonly Envelope[], destination: Destination, options: DeliveryOptions) {
    this.#envelopes = envelopes
    this.#destination = destination
    const {
      port,
      ordered = true,
      isProven = false,
      userCodeMs = defaultUserCodeMs,
      deadlines = new Deadlines(),
    } = options
    this.#tools = { port, userCodeMs, deadlines }
    this.#ordered = ordered
    this.#isProven = isProven
  }

  /** Encodes every event; one that is skipped or dead has its outcome then. */
  encode(): EncodedEvent[] {
    const encoded: EncodedEvent[] = []
    for (const [event, envelope] of this.#envelopes.entries()) {
      try {
        const item = this.#destination.encode(envelope)
        if (item === null)
          this.outcomes[event] = { verdict: { kind: 'skip', reason: 'not for this destination' }, code: 'skip' }
        else encoded.push({ event, item })
      } catch (error) {
        this.outcomes[event] = {
          verdict: { kind: 'dead', reason: reasonOf(error) },
          code: 'encode_failed',
          ...detailOf(stackOf(error)),
        }
      }
      // What follows needs the text alone, and may take long.
      envelope.forget()
    }
    return encoded
  }

  async send(batch: readonly EncodedEvent[]): Promise<void> {
    const group = this.#stopped === undefined ? batch : batch.filter(({ event }) => !this.#holdsBack(event))
    if (group.length === 0) return
    const { port } = this.#tools
    const items = group.map(({ item }) => item)
    const startedAt = port.now()
    const answer = await exchange(items, this.#destination, this.#tools)
    const now = port.now()
    const { verdicts, isWhole } = verdictsOf(answer, items, { destination: this.#destination, now })
    const isHalved = group.length > 1 && isWhole && this.#mayHalve(verdicts[0] as Verdict)
    // A request that could not be made or sent is none, and says nothing of the destination.
    if (answer.failure === undefined || answer.failure.code === 'no_answer') {
      const request = sentRequest(group, verdicts, { at: startedAt, ms: now - startedAt, answer })
      this.sent.push(isHalved ? { ...request, isHalved } : request)
    }
    // One verdict for a batch says nothing of its events: the half that is all right goes through.
    if (isHalved) {
      const half = group.length >> 1
      await this.send(group.slice(0, half))
      await this.send(group.slice(half))
      return
    }
    const masked = verdicts.every(isSettled) ? undefined : maskMembers(redactorOf(this.#destination).text(answer.body))
    group.forEach((one, i) => this.#settle(one, verdicts[i] as Verdict, { ...answer, masked, rest: answer.rests?.[i] }))
  }

  /** A destination that refuses everything must not be asked about each event. */
  #mayHalve({ kind }: Verdict): boolean {
    this.#refused = kind === 'pause' ? this.#refused + 1 : 0
    return kind === 'dead' || (kind === 'pause' && this.#isProven && this.#refused <= refusalsToStop)
  }

  #settle(
    { event, item }: EncodedEvent,
    verdict: Verdict,
    answer: Exchange & {
      /** The body without credentials; undefined where all events are delivered. */
      readonly masked: string | undefined
      readonly rest: string | undefined
    },
  ): void {
    const code = answer.failure?.code ?? codeOf(answer, verdict)
    const isWaiting = verdict.kind === 'retry' || verdict.kind === 'pause'
    const rest = answer.rest ?? (this.#envelopes[event] as Envelope).header.rest
    if (this.#ordered && isWaiting)
      (this.#stopped ??= new Map()).set(this.#keyOf(event), code === 'platform' ? 'platform' : 'held')
    if (isSettled(verdict)) {
      this.outcomes[event] = { verdict, code, ...detailOf(answer.body) }
      return
    }
    this.outcomes[event] = {
      verdict,
      code,
      ...detailOf(answer.masked ?? ''),
      ...(answer.failure?.code === 'platform' ? {} : { exchange: sentExchange(this.#destination, item, answer) }),
      ...(rest === undefined ? {} : { rest }),
    }
  }

  /** True when an earlier event of the same key waits, so that this one must wait too. */
  #holdsBack(event: number): boolean {
    const code = this.#stopped?.get(this.#keyOf(event))
    if (code === undefined) return false
    this.outcomes[event] = { verdict: { kind: 'retry', reason: 'an earlier event of its key waits' }, code }
    return true
  }

  #keyOf(event: number): string {
    return (this.#envelopes[event] as Envelope).key
  }
}

function sentExchange(destination: Destination, item: Item, answer: Exchange): SentExchange {
  const { request, failure, status, headers, body } = answer
  return new SentExchange(destination, item, {
    request,
    response: failure === undefined ? { status, headers, body } : undefined,
  })
}

/** Cuts events into batches that one request may carry; at least one event each. */
function* batchesOf(
  encoded: readonly EncodedEvent[],
  { events, bytes }: Destination['limits'],
): Generator<readonly EncodedEvent[]> {
  for (let start = 0; start < encoded.length;) {
    let end = start
    let size = 0
    while (end < encoded.length && end - start < events) {
      size += (encoded[end] as EncodedEvent).item.text.length
      if (size > bytes && end > start) break
      end++
    }
    yield encoded.slice(start, end)
    start = end
  }
}

function sentRequest(
  group: readonly EncodedEvent[],
  verdicts: readonly Verdict[],
  { at, ms, answer }: { readonly at: number; readonly ms: number; readonly answer: HttpResponse },
): SentRequest {
  const first = verdicts[0] as Verdict
  if (first.kind === 'done' && group.length === 1)
    return { at, ms, status: answer.status, events: [(group[0] as EncodedEvent).event], verdict: 'done' }
  const same = verdicts.every(({ kind }) => kind === first.kind)
  return {
    at,
    ms,
    status: answer.status,
    events: group.map(({ event }) => event),
    verdict: same ? first.kind : 'mixed',
    ...(same && 'reason' in first ? { reason: first.reason } : {}),
    ...(same && first.kind === 'retry' && first.afterSeconds !== undefined ? { afterSeconds: first.afterSeconds } : {}),
  }
}

/** Of what a destination that sends by itself says of one event. */
type SentCode = 'event_refused' | 'no_answer' | 'platform'

function codeOf({ status, verdicts }: Exchange, verdict: Verdict): SentCode | `http_${number}` {
  const { kind } = verdict
  const isDone = kind === 'done' || kind === 'skip'
  if (verdicts === undefined || isDone) return `http_${status}`
  // It may have sent a part, and met the limit then.
  if (kind === 'retry' && isPlatformError(verdict.reason)) return 'platform'
  // The status is that of several requests: it says nothing of one event.
  if (kind === 'dead' || (status >= 200 && status < 300)) return 'event_refused'
  return status === 0 ? 'no_answer' : `http_${status}`
}

const isSettled = ({ kind }: Verdict): boolean => kind === 'done' || kind === 'skip'

/** `isWhole` is false when the destination gave each event its own verdict. No reason has a secret of the settings in it. */
function verdictsOf(
  answer: Exchange,
  items: readonly Item[],
  { destination, now }: { readonly destination: Destination; readonly now: number },
): { readonly verdicts: readonly Verdict[]; readonly isWhole: boolean } {
  const { text } = redactorOf(destination)
  const clean = <V extends Verdict>(verdict: V): V =>
    'reason' in verdict ? { ...verdict, reason: text(verdict.reason) } : verdict
  const whole = (verdict: Verdict) => ({ verdicts: items.map(() => verdict), isWhole: true })
  if (answer.failure !== undefined) return whole(clean(answer.failure.verdict))
  if (answer.verdicts !== undefined) return { verdicts: answer.verdicts.map(clean), isWhole: false }
  if (destination.verdicts === undefined) return whole(verdictOfStatus(answer, now))
  try {
    // A reason may be cut from the body: half a secret is not found in it any more.
    const own = destination.verdicts({ ...answer, body: text(answer.body) }, items)
    if (own === undefined) return whole(verdictOfStatus(answer, now))
    if (!Array.isArray(own)) return whole(own as Verdict)
    if (own.length !== items.length) throw new Error(`${own.length} verdicts for ${items.length} events`)
    return { verdicts: own as Verdict[], isWhole: false }
  } catch (error) {
    return whole({ kind: 'retry', reason: `the answer could not be read: ${text(reasonOf(error))}` })
  }
}

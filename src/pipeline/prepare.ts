import type { Burial } from '../core/dead-letter.ts'
import type { Facts, Packed } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { Source } from '../core/resolve.ts'
import type { World } from '../core/world.ts'
import { runTransforms } from '../transforms/run.ts'
import { factsWith, hidden, hideAddresses } from './address.ts'
import { botOf, flagBot } from './bots.ts'
import { addCampaign } from './campaign.ts'
import { type Fault, faultOf, isRecord, keyOf, maxDepth, pruned, shapeFault, tame } from './check.ts'
import { enrich, type Geo, messageIdOf, type Shared } from './enrich.ts'
import { packerFor } from './packer.ts'
import { applyPrivacy, factsUnder, withPrivacy } from './privacy.ts'
import { route } from './route.ts'
import { type Sight, visitorAgent } from './sight.ts'
import type { Suppressions } from './suppression.ts'
import { windowOf } from './timestamps.ts'
import { addAgent } from './user-agent.ts'

/** What one request brought. The events are fresh from the parser and belong to the edge, which changes them in place. */
export interface Arrival {
  readonly source: Source
  readonly events: readonly unknown[]
  /** What the request's route says; overrides the events' own `type`. */
  readonly type?: string | undefined
  /** The fields beside `batch`: context, sentAt and timestamps for events that have none. */
  readonly batch?: Readonly<Record<string, unknown>> | undefined
  readonly facts: Facts
  readonly geo?: Geo | undefined
  readonly sight?: Sight | undefined
  /** The visitor's anonymousId from the identity cookie; wins over the events' own. */
  readonly anonymousId?: string | undefined
  /** RFC 3339 with milliseconds, UTC; now when left out. */
  readonly receivedAt?: string
}

/** An event that became a dead letter, as the client is told. */
export interface Rejected {
  /** Its place in the request. */
  readonly index: number
  readonly messageId: string
  readonly code: string
  readonly reason: string
}

/** What is to be stored of a request, and what to say of it. */
export interface Prepared {
  readonly packed: readonly Packed[]
  readonly burials: readonly Burial[]
  readonly rejected: readonly Rejected[]
  /** Events of the request of which at least one is in `packed`. */
  readonly accepted: number
  readonly dropped: number
  /** For the edge's lane: `dropped:<transform>`, `dropped:bot`, `dropped:suppressed`, `consent:<target>`, … */
  readonly counters: Readonly<Record<string, number>>
}

/** UTF-16 units of an event that a dead letter holds: its row must stay below 2 MB in UTF-8. */
const longestBurial = 600_000

const encoder = new TextEncoder()

/** An event as it was before any transform, which may change the object. */
interface Origin {
  /** Its place in the request. */
  readonly index: number
  /** Its JSON. */
  readonly sent: string
  readonly messageId: string
  readonly key: string
}

/** The work of one request: collects what is to be stored. Stores nothing itself. */
class Preparation {
  readonly packed: Packed[] = []
  readonly burials: Burial[] = []
  readonly rejected: Rejected[] = []
  /** Places of the events that became dead letters. */
  readonly buried = new Set<number>()
  readonly counters: Record<string, number> = {}
  /** Events that were dropped before any transform. */
  dropped = 0
  readonly #world: World
  readonly #arrival: Arrival
  readonly receivedAt: string
  readonly #pack: ReturnType<typeof packerFor>

  readonly #suppressions: Suppressions | undefined

  constructor(arrival: Arrival, world: World, suppressions: Suppressions | undefined) {
    this.#world = world
    this.#arrival = arrival
    this.#suppressions = suppressions
    this.receivedAt = arrival.receivedAt ?? new Date(world.port.now()).toISOString()
    const { name, enrich: rules, privacy } = arrival.source
    const facts = factsWith(arrival.facts, rules.ip)
    this.#pack = packerFor({
      source: name,
      receivedAt: this.receivedAt,
      facts: privacy === undefined ? facts : factsUnder(facts, privacy),
    })
  }

  get shared(): Shared {
    const { facts, geo, batch, source } = this.#arrival
    const { port, resolved } = this.#world
    const window = windowOf(this.receivedAt, resolved.limits)
    const { ip: ipRule } = source.enrich
    const { ip } = facts
    const writtenIp = hidden(ip, ipRule)
    return { receivedAt: this.receivedAt, window, ip, writtenIp, ipRule, geo, batch, uuid: port.uuid }
  }

  /** Checks one value and fills in what it lacks; undefined when it became a dead letter or was dropped. */
  admit(value: unknown, index: number, shared: Shared): Event | undefined {
    const { type, anonymousId, source, sight } = this.#arrival
    if (isRecord(value)) {
      if (type !== undefined) value['type'] = type
      if (anonymousId !== undefined) value['anonymousId'] = anonymousId
    }
    const fault = faultOf(value)
    if (fault !== undefined) {
      // Nor is what is wrong with a suppressed user's event a reason to keep it.
      if (isRecord(value) && this.#suppressions?.has(value) === true) return this.#drop('suppressed')
      this.refuse(value, index, fault)
      return undefined
    }
    const event = value as Record<string, unknown>
    enrich(event, shared)
    if (this.#suppressions?.has(event) === true) return this.#drop('suppressed')
    const { bots, userAgent, campaign } = source.enrich
    if (bots.action !== 'keep') {
      const bot = botOf(event, sight, bots)
      if (bot !== undefined && bots.action === 'drop') return this.#drop('bot')
      if (bot !== undefined) flagBot(event, bot)
    }
    if (userAgent) addAgent(event.context, visitorAgent(event.context, sight))
    if (campaign) addCampaign(event.context)
    if (source.privacy !== undefined) applyPrivacy(event, source.privacy)
    return event
  }

  add(counter: string): void {
    this.counters[counter] = (this.counters[counter] ?? 0) + 1
  }

  #drop(reason: string): undefined {
    this.dropped++
    this.add(`dropped:${reason}`)
  }

  /** Routes and packs one event whose JSON is `text`; false when it became a dead letter. */
  finish(event: Event, text: string, from: Origin): boolean {
    const { limits, stream } = this.#world.resolved
    if (text.length * 3 > limits.eventBytes && encoder.encode(text).byteLength > limits.eventBytes)
      return this.#tooLarge(from, limits.eventBytes)
    const to = route(event, this.#arrival.source, this.counters)
    const packed = this.#pack({ id: event.messageId, key: from.key, to }, text)
    if (packed.text.length > stream.limits.bytes) return this.#tooLarge(from, stream.limits.bytes)
    this.packed.push(packed)
    return true
  }

  refuse(value: unknown, index: number, fault: Fault): void {
    const { enrich: rules, privacy } = this.#arrival.source
    // `stringify` itself fails somewhere beyond a few thousand levels.
    const shallow = typeof value !== 'object' || value === null || tame(value, maxDepth)
    if (isRecord(value)) hideAddresses(value, rules.ip)
    const whole = shallow ? value : pruned(value)
    const kept = privacy === undefined ? whole : withPrivacy(whole, privacy)
    const id = isRecord(kept) ? messageIdOf(kept) : ''
    const keys = isRecord(kept) ? [kept['anonymousId'], kept['userId']] : []
    this.bury(index, JSON.stringify(kept), {
      ...fault,
      stage: 'ingest',
      messageId: id || this.#world.port.uuid(),
      key: keys.find((one) => typeof one === 'string') ?? '',
    })
  }

  /** One dead letter per event that was sent, though a transform may have made several of it. */
  bury(
    index: number,
    event: string,
    why: Pick<Burial, 'stage' | 'messageId' | 'key' | 'reason' | 'code'> & { readonly detail?: string },
  ): void {
    if (this.buried.has(index)) return
    this.buried.add(index)
    const { stage, messageId, key, reason, code } = why
    const whole = event.length <= longestBurial
    const detail = whole ? why.detail : `Only the first ${longestBurial} of ${event.length} characters were kept.`
    this.burials.push({
      stage,
      messageId,
      source: this.#arrival.source.name,
      key,
      reason,
      code,
      ...(detail === undefined ? {} : { detail }),
      receivedAt: this.receivedAt,
      event: whole ? event : JSON.stringify(event.slice(0, longestBurial)),
      attempts: [],
    })
    this.rejected.push({ index, messageId, code, reason })
  }

  #tooLarge({ index, sent, messageId, key }: Origin, most: number): false {
    const reason = `event has more than ${most} bytes`
    this.bury(index, sent, { stage: 'ingest', messageId, key, reason, code: 'event_too_large' })
    return false
  }
}

/**
 * Does everything with the events of one request that needs no storage: check, enrich, transform, route, pack.
 *
 * @param arrival the events and what is known of the request; the events are changed in place
 * @param world config, clock, random ids
 * @param suppressions users whose events are dropped
 * @returns what to append, what to bury, what to answer
 * @throws {SluicewayError} bad_request when the fields beside `batch` are out of bounds
 */
export async function prepare(arrival: Arrival, world: World, suppressions?: Suppressions): Promise<Prepared> {
  checkBatchContext(arrival, world)
  const work = new Preparation(arrival, world, suppressions)
  if (arrival.source.transforms.length > 0) return transformed(arrival, work)
  const { shared } = work
  let accepted = 0
  for (let index = 0; index < arrival.events.length; index++) {
    const event = work.admit(arrival.events[index], index, shared)
    if (event === undefined) continue
    const { messageId } = event
    const sent = JSON.stringify(event)
    if (work.finish(event, sent, { index, sent, messageId, key: keyOf(event) })) accepted++
  }
  const { packed, burials, rejected, dropped, counters } = work
  return { packed, burials, rejected, accepted, dropped, counters }
}

interface Admitted extends Origin {
  readonly event: Event
}

/** The way through the source's transforms. */
async function transformed(arrival: Arrival, work: Preparation): Promise<Prepared> {
  const { source, events } = arrival
  const { shared } = work
  const admitted: Admitted[] = []
  for (const [index, value] of events.entries()) {
    // The batch's context goes into each event as a copy: a transform may change it.
    const own = shared.batch === undefined ? shared : { ...shared, batch: structuredClone(shared.batch) }
    const event = work.admit(value, index, own)
    // A transform may change the event before it fails; the dead letter holds what it got.
    if (event === undefined) continue
    const { messageId } = event
    admitted.push({ event, sent: JSON.stringify(event), messageId, key: keyOf(event), index })
  }
  const ran = await runTransforms(
    source.transforms,
    admitted.map(({ event }) => event),
    (event) => ({
      messageId: event.messageId,
      sourceName: source.name,
      receivedAt: work.receivedAt,
      eventType: event.type,
      ...(typeof event.event === 'string' ? { eventName: event.event } : {}),
    }),
  )
  const stored = new Set<number>()
  const { buried } = work
  const fail = (at: number, why: { readonly reason: string; readonly detail?: string }) => {
    const { sent, messageId, key, index } = admitted[at] as Admitted
    work.bury(index, sent, { stage: 'transform', messageId, key, code: 'transform_failed', ...why })
  }
  for (const { index, error } of ran.failed) fail(index, { reason: error.message, detail: error.stack })
  for (const { event, text, index: at } of ran.events) {
    const from = admitted[at] as Admitted
    const fault = shapeFault(event)
    if (fault !== undefined) fail(at, { reason: `a transform returned an event that is not valid: ${fault.reason}` })
    else if (!tame(event, maxDepth))
      fail(at, { reason: `a transform returned an event deeper than ${maxDepth} levels` })
    else if (work.finish(event, text, from)) stored.add(from.index)
  }
  const droppedAt = new Set<number>()
  for (const { index: at, transform } of ran.dropped) {
    work.add(`dropped:${transform}`)
    droppedAt.add((admitted[at] as Admitted).index)
  }
  const dropped = work.dropped + [...droppedAt].filter((index) => !stored.has(index) && !buried.has(index)).length
  const accepted = [...stored].filter((index) => !buried.has(index)).length
  const rejected = work.rejected.toSorted((a, b) => a.index - b.index)
  return { packed: work.packed, burials: work.burials, rejected, accepted, dropped, counters: work.counters }
}

/** The batch's context is written into every event, so its size counts as often. */
function checkBatchContext({ batch, events }: Arrival, world: World): void {
  const context = batch?.['context']
  if (!isRecord(context)) return
  if (!tame(context, maxDepth - 1))
    throw new SluicewayError('bad_request', `The batch's context is nested deeper than ${maxDepth} levels.`)
  if (JSON.stringify(context).length * events.length > 2 * world.resolved.limits.bodyBytes)
    throw new SluicewayError('bad_request', "The batch's context is too large for so many events.")
}

import type { NewDeadLetter } from '../core/dead-letter.ts'
import type { Packed } from '../core/envelope.ts'
import type { Event } from '../core/event.ts'
import type { AppContext } from '../core/app-context.ts'
import type { DroppedEvent } from './dropped-buffer.ts'
import { anonymizeFacts, anonymizeEventIps, connectionAddress } from '../enrichment/address.ts'
import type { IncomingBatch, RejectedEvent } from './incoming-batch.ts'
import { type Bot, botOf, flagBot } from '../enrichment/bots.ts'
import { addCampaign } from '../enrichment/campaign.ts'
import { type ValidationError, validateEvent } from './validate-event.ts'
import { enrich, messageIdOf, type Shared } from '../enrichment/enrich.ts'
import { deadLetterBodyFromText, limitDepth } from './dead-letter-body.ts'
import { createPacker } from './packer.ts'
import { applyPrivacy, applyPrivacyToFacts, applyPrivacyToAny } from '../privacy/privacy.ts'
import { normalizeShape } from './normalize-shape.ts'
import { reversePatch } from './reverse-patch.ts'
import { route } from './route.ts'
import { rudderIdOf } from '../enrichment/rudder-id.ts'
import { visitorUserAgent } from '../enrichment/client-signals.ts'
import type { Suppressions } from '../admission/suppression.ts'
import { windowOf } from '../enrichment/timestamps.ts'
import { addAgent } from '../enrichment/user-agent.ts'
import { isRecord } from '../core/json.ts'
import { mostDropped } from '../core/dropped.ts'

const encoder = new TextEncoder()

/** Whether a text has more bytes than that in UTF-8. */
const isLongerThan = (text: string, bytes: number): boolean =>
  text.length * 3 > bytes && encoder.encode(text).byteLength > bytes

/** An event as it was before any transform, which may change the object. */
export interface SentEvent {
  /** Its place in the request. */
  readonly index: number
  /** Its JSON. */
  readonly sent: string
  readonly messageId: string
  readonly key: string
  /** True where a trace is to tell what the transforms did. */
  readonly isTraced?: boolean
}

/**
 * The work of one request: collects what is to be stored, and stores nothing itself.
 *
 * ARCHITECTURE.md ("The edge, step by step") tells the steps of an event, and why they are in this order: what reads personal
 * data comes before the privacy rules, what a person can read comes after them.
 */
export class Preparation {
  readonly packed: Packed[] = []
  readonly deadLetters: NewDeadLetter[] = []
  readonly rejected: RejectedEvent[] = []
  /** Places of the events that became dead letters. */
  readonly deadIndexes = new Set<number>()
  readonly counters: Record<string, number> = {}
  readonly drops: DroppedEvent[] = []
  /** Events that were dropped before any transform. */
  dropped = 0
  readonly #app: AppContext
  readonly #incoming: IncomingBatch
  readonly receivedAt: string
  readonly #pack: ReturnType<typeof createPacker>
  readonly #suppressions: Suppressions | undefined

  constructor(incoming: IncomingBatch, app: AppContext, suppressions: Suppressions | undefined) {
    this.#app = app
    this.#incoming = incoming
    this.#suppressions = suppressions
    this.receivedAt = incoming.receivedAt ?? new Date(app.port.now()).toISOString()
    const { name, enrich: rules, privacy } = incoming.source
    const facts = anonymizeFacts(incoming.facts, rules.ip)
    this.#pack = createPacker({
      source: name,
      receivedAt: this.receivedAt,
      facts: privacy === undefined ? facts : applyPrivacyToFacts(facts, privacy),
    })
  }

  /** Milliseconds that a transform may take. */
  get userCodeMs(): number {
    return this.#app.resolved.limits.userCodeMs
  }

  /** Chooses whether an event is one of which a trace tells what the transforms of its source did. */
  choosesTrace(): boolean {
    const { resolved, port } = this.#app
    const share = resolved.trace?.transforms ?? 0
    return share > 0 && port.random() < share
  }

  get shared(): Shared {
    const { facts, geo, batch, source } = this.#incoming
    const { port, resolved } = this.#app
    const window = windowOf(this.receivedAt, resolved.limits)
    const address = connectionAddress(facts.ip, source)
    return { receivedAt: this.receivedAt, window, address, geo, batch, uuid: port.uuid }
  }

  /** Checks one value and fills in what it lacks; undefined when it became a dead letter or was dropped. */
  prepareEvent(value: unknown, index: number, shared: Shared): Event | undefined {
    const { type, anonymousId, source, signals } = this.#incoming
    if (isRecord(value)) {
      // Some SDKs write the key into every event; no destination has any use for it.
      const { writeKey } = value
      if (typeof writeKey === 'string' && writeKey.trim() === source.writeKey) value['writeKey'] = undefined
      if (type !== undefined) value['type'] = type
      normalizeShape(value)
      if (anonymousId !== undefined) {
        if (this.isSuppressed(value)) return this.#drop('suppressed', value)
        value['anonymousId'] = anonymousId
      }
    }
    const fault = validateEvent(value)
    if (fault !== undefined) {
      // Nor is what is wrong with a suppressed user's event a reason to keep it.
      if (isRecord(value) && this.isSuppressed(value)) return this.#drop('suppressed', value)
      this.rejectEvent(value, index, fault)
      return undefined
    }
    const event = value as Record<string, unknown>
    enrich(event, shared)
    if (this.isSuppressed(event)) return this.#drop('suppressed', event)
    const { bots, userAgent, campaign, rudderId } = source.enrich
    if (bots.action !== 'keep') {
      const bot = botOf(event, signals, bots)
      if (bot !== undefined && bots.action === 'drop') return this.#drop('bot', event, reasonOfBot(source.name, bot))
      if (bot !== undefined) {
        flagBot(event, bot)
        this.count('flagged:bot')
      }
    }
    if (userAgent) addAgent(event.context, visitorUserAgent(event.context, signals))
    if (campaign) addCampaign(event.context)
    if (source.privacy !== undefined) applyPrivacy(event, source.privacy)
    if (rudderId) event['rudderId'] = rudderIdOf(event)
    return event
  }

  isSuppressed(event: Readonly<Record<string, unknown>>): boolean {
    return this.#suppressions?.has(event) === true
  }

  count(counter: string): void {
    this.counters[counter] = (this.counters[counter] ?? 0) + 1
  }

  #drop(step: string, event: Readonly<Record<string, unknown>>, reason?: string): undefined {
    this.dropped++
    this.noteDrop(step, messageIdOf(event), reason)
  }

  /** Counts a drop, and keeps which event it was where that has an id. */
  noteDrop(step: string, messageId: string, reason = 'its user is on the suppression list'): void {
    this.count(`dropped:${step}`)
    if (messageId !== '' && this.drops.length < mostDropped) this.drops.push({ messageId, reason })
  }

  /** Routes and packs one event whose JSON is `text`; false when it became a dead letter. */
  routeAndPack(event: Event, text: string, from: SentEvent): boolean {
    const { limits, stream } = this.#app.resolved
    if (isLongerThan(text, limits.eventBytes)) return this.#tooLarge(from, limits.eventBytes)
    const to = route(event, this.#incoming.source, this.counters)
    const { bytes, envelopeBytes } = stream.limits
    const about = { id: event.messageId, key: from.key, to }
    const before = from.isTraced === true ? reversePatch(JSON.parse(from.sent) as Event, event) : undefined
    const traced = before === undefined ? undefined : this.#pack({ ...about, before }, text)
    // What a trace would tell makes no event too large.
    const fits = traced !== undefined && !isLongerThan(traced.text, Math.min(bytes, envelopeBytes ?? bytes))
    const packed = fits ? traced : this.#pack(about, text)
    if (packed.text.length > bytes) return this.#tooLarge(from, bytes)
    // Its messageId, which has no limit of its own, is in the header too.
    if (envelopeBytes !== undefined && isLongerThan(packed.text, envelopeBytes))
      return this.#tooLarge(from, envelopeBytes)
    this.packed.push(packed)
    return true
  }

  rejectEvent(value: unknown, index: number, fault: ValidationError): void {
    const { enrich: rules, privacy } = this.#incoming.source
    const whole = limitDepth(value)
    anonymizeEventIps(whole, rules.ip)
    const kept = privacy === undefined ? whole : applyPrivacyToAny(whole, privacy)
    const id = isRecord(kept) ? messageIdOf(kept) : ''
    const keys = isRecord(kept) ? [kept['anonymousId'], kept['userId']] : []
    this.addDeadLetter(index, JSON.stringify(kept), {
      ...fault,
      stage: 'ingest',
      messageId: id || this.#app.port.uuid(),
      key: keys.find((one) => typeof one === 'string') ?? '',
    })
  }

  /** One dead letter per event that was sent, though a transform may have made several of it. */
  addDeadLetter(
    index: number,
    event: string,
    why: Pick<NewDeadLetter, 'stage' | 'messageId' | 'key' | 'reason' | 'code'> & { readonly detail?: string },
  ): void {
    if (this.deadIndexes.has(index)) return
    this.deadIndexes.add(index)
    const { stage, messageId, key, reason, code } = why
    const { event: text, detail = why.detail } = deadLetterBodyFromText(event)
    this.deadLetters.push({
      stage,
      messageId,
      source: this.#incoming.source.name,
      key,
      reason,
      code,
      ...(detail === undefined ? {} : { detail }),
      receivedAt: this.receivedAt,
      event: text,
      attempts: [],
    })
    this.rejected.push({ index, messageId, code, reason })
  }

  #tooLarge({ index, sent, messageId, key }: SentEvent, most: number): false {
    const reason = `event has more than ${most} bytes`
    this.addDeadLetter(index, sent, { stage: 'ingest', messageId, key, reason, code: 'event_too_large' })
    return false
  }
}

const reasonOfBot = (source: string, { name, reason }: Bot): string =>
  `"enrich.bots" of the source "${source}" drops bots: ${name === undefined ? '' : `${name}, `}by its ${reason === 'verified' ? 'verified name' : reason}`

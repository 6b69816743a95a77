import { Envelope, type Facts } from '../core/envelope.ts'
import type { Event } from '../core/event.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import { AllowList } from './allow-list.ts'
import { coversField, eachHolder, type FieldPath, parseFieldPath } from './field-path.ts'
import { hashValue, maskValue } from './personal-value.ts'
import { isRecord } from '../core/json.ts'

/** Fields of the event specification that an allow-list leaves alone; `properties`, `traits` and `context` are looked into. */
const specified: ReadonlySet<string> = new Set(
  (
    'type messageId anonymousId userId event name category groupId previousId channel integrations version ' +
    'originalTimestamp sentAt timestamp receivedAt'
  ).split(' '),
)

/** What an event says about consent must outlive the rules: routing comes after them. */
const consentFields = ['consentManagement', 'consent'] as const

/** Rules as they are applied. */
interface CompiledRules {
  readonly allow: AllowList | undefined
  readonly drop: readonly FieldPath[]
  readonly hash: readonly FieldPath[]
  readonly mask: readonly FieldPath[]
  readonly salt: string | undefined
  /** Members of `context` that a path means without naming them. */
  readonly sheltered: readonly string[]
  /** Members of an envelope's facts that say what the rules take out of events. */
  readonly hiddenFacts: readonly (keyof Facts)[]
  /** True when an id that orders events is changed. */
  readonly changesIds: boolean
}

const compiledRulesOf = perIsolate(({ allow, drop = [], hash = [], mask = [], salt }: PrivacyRules): CompiledRules => {
  const changes = [...drop, ...hash, ...mask].map(parseFieldPath)
  const allowed = allow?.map(parseFieldPath)
  const touched = (field: string) => changes.some((path) => coversField(path, parseFieldPath(field)))
  const listed = (field: string) =>
    allowed === undefined || allowed.some((path) => coversField(path, parseFieldPath(field)))
  const gone = (field: string) => touched(field) || !listed(field)
  const hidden: Readonly<Partial<Record<keyof Facts, boolean>>> = {
    ip: touched('context.ip') || touched('request_ip') || !(listed('context.ip') || listed('request_ip')),
    userAgent: gone('context.userAgent'),
    country: gone('context.geo.country'),
    region: gone('context.geo.region'),
    city: gone('context.geo.city'),
    asn: gone('context.geo.asn'),
  }
  return {
    allow:
      allowed === undefined
        ? undefined
        : new AllowList([...allowed, ...consentFields.map((field): FieldPath => ['context', field])]),
    drop: drop.map(parseFieldPath),
    hash: hash.map(parseFieldPath),
    mask: mask.map(parseFieldPath),
    salt,
    sheltered: consentFields.filter(
      (field) =>
        touched(`context.${field}`) && !changes.some(([first, second]) => first === 'context' && second === field),
    ),
    hiddenFacts: (Object.keys(hidden) as (keyof Facts)[]).filter((fact) => hidden[fact]),
    changesIds: touched('anonymousId') || touched('userId'),
  }
})

/**
 * Does with an event's personal data what the rules say, in place: allow, drop, hash, mask, in this order.
 *
 * Hashing or masking an object or array does so with every value in it. `context.consentManagement` and `context.consent` stay
 * as they are unless a path names them. A second run changes nothing more.
 *
 * @param event an event, or a record of any shape that was sent as one
 */
export function applyPrivacy(event: Event | Record<string, unknown>, rules: PrivacyRules): void {
  const { allow, drop, hash, mask, salt, sheltered } = compiledRulesOf(rules)
  const shelter = sheltered.length === 0 ? undefined : takeOut(event, sheltered)
  if (allow !== undefined) prune(event, allow)
  for (const path of drop) eachHolder(event, path, remove)
  for (const path of hash)
    eachHolder(event, path, (holder, keys) => change(holder, keys, (value) => hashValue(value, salt)))
  for (const path of mask) eachHolder(event, path, (holder, keys) => change(holder, keys, maskValue))
  if (shelter !== undefined) putBack(event, shelter)
}

/**
 * Does with anything that was sent as an event what the rules say, so that a dead letter can hold it.
 *
 * @param value JSON; arrays and objects are changed in place
 * @returns what may be kept; of text, of which no path can say what is personal in it, nothing but `***`
 */
export function applyPrivacyToAny(value: unknown, rules: PrivacyRules): unknown {
  if (typeof value === 'string') return '***'
  if (Array.isArray(value)) return value.map((one) => applyPrivacyToAny(one, rules))
  if (isRecord(value)) {
    applyPrivacy(value, rules)
    hideHolders(value, rules)
  }
  return value
}

/** Where a rule's path leads through what should be an object but is text, the text may hold what the rule is for. */
function hideHolders(event: Record<string, unknown>, rules: PrivacyRules): void {
  const { drop, hash, mask } = compiledRulesOf(rules)
  for (const path of [...drop, ...hash, ...mask])
    for (let length = 1; length < path.length; length++)
      eachHolder(event, path.slice(0, length), (holder, keys) =>
        change(holder, keys, (value) => (typeof value === 'string' && value !== '' ? '***' : value)),
      )
}

/** Leaves out of an envelope's facts what the rules take out of events: address, user agent, place. */
export function applyPrivacyToFacts(facts: Facts, rules: PrivacyRules): Facts {
  const { hiddenFacts } = compiledRulesOf(rules)
  if (!hiddenFacts.some((fact) => facts[fact] !== undefined)) return facts
  const others: { -readonly [K in keyof Facts]: Facts[K] } = { ...facts }
  for (const fact of hiddenFacts) delete others[fact]
  return others
}

/** Gives an envelope's event as the rules want it, as a copy of its own. */
export function privateEventOf({ text }: Envelope, rules: PrivacyRules): Event {
  const event = JSON.parse(text) as Event
  applyPrivacy(event, rules)
  return event
}

/**
 * Makes the envelope that a destination with rules of its own gets. The one given stays as it is.
 *
 * Where the rules change anonymousIds or userIds, the ordering key is hashed: equal ones stay equal.
 */
export function privateEnvelopeOf(envelope: Envelope, rules: PrivacyRules): Envelope {
  const { header } = envelope
  const { changesIds, salt } = compiledRulesOf(rules)
  const event = privateEventOf(envelope, rules)
  const key = changesIds ? String(hashValue(header.key, salt)) : header.key
  return new Envelope(
    { ...header, id: event.messageId, key, facts: applyPrivacyToFacts(header.facts, rules) },
    JSON.stringify(event),
  )
}

function prune(event: Record<string, unknown>, allow: AllowList): void {
  for (const key of Object.keys(event)) {
    if (specified.has(key) || allow.prune(event, key)) continue
    if ((key === 'properties' || key === 'traits' || key === 'context') && isRecord(event[key])) event[key] = {}
    else delete event[key]
  }
}

function remove(holder: Record<string, unknown> | unknown[], keys: readonly string[]): void {
  if (Array.isArray(holder)) holder.length = 0
  else for (const key of keys) delete holder[key]
}

function change(holder: object, keys: readonly string[], make: (value: unknown) => unknown): void {
  const members = holder as Record<string, unknown>
  for (const key of keys) members[key] = make(members[key])
}

/** Takes fields out of the context; they keep their place. */
function takeOut(event: Record<string, unknown>, fields: readonly string[]): readonly [string, unknown][] {
  const { context } = event
  if (!isRecord(context)) return []
  return fields.flatMap((field): [string, unknown][] => {
    if (!Object.hasOwn(context, field)) return []
    const value = context[field]
    context[field] = undefined
    return [[field, value]]
  })
}

function putBack(event: Record<string, unknown>, fields: readonly [string, unknown][]): void {
  if (fields.length === 0) return
  const context = isRecord(event['context']) ? event['context'] : (event['context'] = {})
  for (const [field, value] of fields) (context as Record<string, unknown>)[field] = value
}

// https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters (checked 2026-11-29)
import { type Facts, sha256Hex, valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'

/** How Meta wants a value before it is hashed. */
type Normalize = (text: string) => string

const lower: Normalize = (text) => text.trim().toLowerCase()
const withoutSigns: Normalize = (text) => lower(text).replaceAll(/[\p{P}\p{S}\s]/gu, '')
/** Names keep the blanks within them. */
const nameOnly: Normalize = (text) => lower(text).replaceAll(/[\p{P}\p{S}]/gu, '')
const digits: Normalize = (text) => text.replaceAll(/\D/g, '')

const phone: Normalize = (text) => digits(text.replace(/\(0\)/, '')).replace(/^0+/, '')
const gender: Normalize = (text) => /^[fm]/.exec(lower(text))?.[0] ?? ''
const birthday: Normalize = (text) => (/^\d{4}\D?\d{2}\D?\d{2}/.test(text.trim()) ? digits(text).slice(0, 8) : '')
/** Of the United States, only the first five digits. */
const zip: Normalize = (text) =>
  lower(text)
    .replaceAll(/\s/g, '')
    .replace(/^(\d{5})-\d{4}$/, '$1')
    .replaceAll('-', '')
const country: Normalize = (text) => (/^[a-z]{2}$/.test(lower(text)) ? lower(text) : '')
const id: Normalize = (text) => text.trim()

/** Fields that are hashed, how they are normalized, and the traits that they come from. */
const hashed: readonly (readonly [string, Normalize, ...string[]])[] = [
  ['em', lower, 'email'],
  ['ph', phone, 'phone'],
  ['fn', nameOnly, 'firstName', 'firstname', 'first_name'],
  ['ln', nameOnly, 'lastName', 'lastname', 'last_name'],
  ['ge', gender, 'gender'],
  ['db', birthday, 'birthday', 'dateOfBirth'],
  ['ct', withoutSigns, 'address.city', 'city'],
  ['st', withoutSigns, 'address.state', 'state'],
  ['zp', zip, 'address.postalCode', 'address.zip', 'zip'],
  ['country', country, 'address.country', 'country'],
]
const digest = /^[0-9a-f]{64}$/i

/**
 * Makes the customer information of an event: personal data normalized and hashed, what Meta wants as it is unhashed.
 *
 * @param event with traits, those in its context, or `properties.email` and `properties.phone`
 * @param facts address and user agent of the request that brought it, where the event has none
 */
export function userDataOf(event: Event, facts: Facts): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  for (const [field, normalize, ...traits] of hashed) {
    const paths = traits.flatMap((trait) => [`traits.${trait}`, `context.traits.${trait}`])
    const more = field === 'em' ? ['properties.email'] : field === 'ph' ? ['properties.phone'] : []
    const value = hashOf(valueAt(event, ...paths, ...more), normalize)
    if (value !== undefined) data[field] = [value]
  }
  const ids = [event.userId, event.anonymousId].flatMap((one) => hashOf(one, id) ?? [])
  if (ids.length > 0) data['external_id'] = ids
  const set = (field: string, value: unknown) => {
    if (typeof value === 'string' && value !== '') data[field] = value
  }
  set('client_ip_address', valueAt(event, 'context.ip', 'request_ip') ?? facts.ip)
  set('client_user_agent', valueAt(event, 'context.userAgent') ?? facts.userAgent)
  set('fbp', valueAt(event, 'context.fbp', 'properties.fbp', 'context.traits.fbp'))
  set('fbc', valueAt(event, 'context.fbc', 'properties.fbc', 'context.traits.fbc'))
  return data
}

/** What is a hash already stays one. */
function hashOf(value: unknown, normalize: Normalize): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = `${value}`.trim()
  if (digest.test(text)) return text.toLowerCase()
  const normal = normalize(text)
  return normal === '' ? undefined : sha256Hex(normal)
}

import type { Enrichment } from '../core/enrichment.ts'
import type { Facts } from '../core/envelope.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'

const v4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/
const group = /^[0-9a-f]{1,4}$/

/**
 * Does with an address what the source's `ip` switch says.
 *
 * @param address as a header or an event has it; IPv6 addresses may have a zone
 * @returns undefined when it is to be dropped, and, under `truncate`, when it cannot be read: it might hold an address
 */
export function anonymizeIp(address: string | undefined, rule: Enrichment['ip']): string | undefined {
  if (rule === 'keep' || address === undefined) return address
  return rule === 'drop' ? undefined : truncateIp(address.trim().toLowerCase())
}

/** Zeroes the last byte of an IPv4 address, and all but the first 48 bits of an IPv6 one. */
function truncateIp(address: string): string | undefined {
  const mapped = address.startsWith('::ffff:') && address.includes('.') ? '::ffff:' : ''
  const net = v4.exec(address.slice(mapped.length))?.[1]
  if (net !== undefined) return `${mapped}${net}.0`
  const halves = (address.split('%', 1)[0] ?? '').split('::')
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined
  if (![...head, ...tail].every((one) => group.test(one))) return undefined
  const kept = [...head, ...Array.from<string>({ length: missing }).fill('0'), ...tail]
    .slice(0, 3)
    .map((one) => one.replace(/^0+(?=.)/, ''))
  while (kept.at(-1) === '0') kept.pop()
  return `${kept.join(':')}::`
}

/** The address of a connection, and what a source does with addresses. */
export interface ConnectionAddress {
  /** As it is. */
  readonly ip: string | undefined
  /** The same as it may be written. */
  readonly written: string | undefined
  /** Again the same where the connection is the visitor's; a vendor's server is not where its customers are. */
  readonly visitor: string | undefined
  /** What is done with other addresses before they are written. */
  readonly rule: Enrichment['ip']
}

/** Decides once for a request what its events may say of its address. */
export function connectionAddress(ip: string | undefined, { enrich, webhook }: AddressSource): ConnectionAddress {
  const written = anonymizeIp(ip, enrich.ip)
  return { ip, written, visitor: webhook === undefined ? written : undefined, rule: enrich.ip }
}

type AddressSource = Pick<Source, 'enrich' | 'webhook'>

/** Writes the address of the connection into an event, in place, and treats what the event itself says by the rule. */
export function setEventIps(
  event: Record<string, unknown>,
  context: Record<string, unknown>,
  { ip, written, visitor, rule }: ConnectionAddress,
): void {
  // Never the client's own word: whoever sends it could claim any address.
  if (ip !== undefined || event['request_ip'] !== undefined) event['request_ip'] = written
  const own = context['ip']
  const isKnown = typeof own === 'string' && own !== ''
  if (!isKnown && visitor !== undefined) context['ip'] = visitor
  else if (own !== undefined && rule !== 'keep')
    context['ip'] = !isKnown ? undefined : own === ip ? written : anonymizeIp(own, rule)
}

/** Whether the place of a connection is that of an event: it says nothing of one that was forwarded for another address. */
export function isFromConnection(context: Readonly<Record<string, unknown>>, { ip }: ConnectionAddress): boolean {
  const own = context['ip']
  return typeof own !== 'string' || own === '' || own === ip
}

/** The facts with their address as the rule wants it written. */
export function anonymizeFacts(facts: Facts, rule: Enrichment['ip']): Facts {
  if (rule === 'keep' || facts.ip === undefined) return facts
  const { ip, ...others } = facts
  const written = anonymizeIp(ip, rule)
  return written === undefined ? others : { ip: written, ...others }
}

/** Does with the addresses of what is refused, whatever its shape, what is done with those of events; in place. */
export function anonymizeEventIps(value: unknown, rule: Enrichment['ip']): void {
  if (rule === 'keep') return
  if (Array.isArray(value)) for (const one of value) anonymizeEventIps(one, rule)
  if (!isRecord(value)) return
  anonymizeField(value, 'request_ip', rule)
  const { context } = value
  if (isRecord(context)) anonymizeField(context, 'ip', rule)
  // A context that is text may be anything.
  else if (typeof context === 'string') value['context'] = '***'
}

function anonymizeField(holder: Record<string, unknown>, field: string, rule: Enrichment['ip']): void {
  const address = holder[field]
  if (address !== undefined) holder[field] = typeof address === 'string' ? anonymizeIp(address, rule) : undefined
}

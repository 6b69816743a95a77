/** Names that resolve inside a machine, a house or a cloud only (RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN's .internal). */
const localNames = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|alt|onion|test|invalid|example)$/

/** Blocks of IPv4 that are not for the public internet: IANA's special-purpose registry, multicast and reserved space. */
const blocks4: readonly (readonly [address: number, bits: number, what: string])[] = [
  [0x00000000, 8, 'this host'],
  [0x0a000000, 8, 'a private network'],
  [0x64400000, 10, 'a carrier network'],
  [0x7f000000, 8, 'loopback'],
  [0xa9fe0000, 16, 'link-local, where clouds keep their metadata'],
  [0xac100000, 12, 'a private network'],
  [0xc0000000, 24, 'protocol assignments'],
  [0xc0000200, 24, 'documentation'],
  [0xc0586300, 24, 'a 6to4 relay'],
  [0xc0a80000, 16, 'a private network'],
  [0xc6120000, 15, 'benchmarking'],
  [0xc6336400, 24, 'documentation'],
  [0xcb007100, 24, 'documentation'],
  [0xe0000000, 4, 'multicast'],
  [0xf0000000, 4, 'reserved'],
]

/** What of 2000::/3, the public part of IPv6, is not: first 32 bits, length of the prefix. */
const blocks6: readonly (readonly [first: number, bits: number, what: string])[] = [
  [0x20010000, 23, 'protocol assignments'],
  [0x20010db8, 32, 'documentation'],
  [0x20020000, 16, 'a 6to4 tunnel'],
  [0x3fff0000, 20, 'documentation'],
]

/**
 * Says why a host is not one of the public internet: a defense against requests that reach inwards (SSRF).
 *
 * Takes a host as `new URL` writes it: decimal, octal and hex forms of IPv4 are dotted there already, IPv6 is in brackets. A
 * name is judged by its ending; what it resolves to is not looked up, because a Worker's `fetch` reaches no private network.
 * https://www.iana.org/assignments/iana-ipv4-special-registry/ and …/iana-ipv6-special-registry/ (checked 2026-11-22)
 *
 * @param hostname `hostname` of a URL
 * @returns the reason in a few words, or undefined when the host is public
 * @example hostProblem('169.254.169.254') // '169.254.169.254 is link-local, where clouds keep their metadata'
 */
export function hostProblem(hostname: string): string | undefined {
  if (hostname.startsWith('[')) return addressProblem6(hostname)
  const dotted = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(hostname)
  if (dotted !== null) return addressProblem4(hostname, dotted.slice(1).map(Number))
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (localNames.test(name)) return `${hostname} is a local name`
  return name.includes('.') ? undefined : `${hostname} is no full domain name`
}

function addressProblem4(text: string, bytes: readonly number[]): string | undefined {
  const address = bytes.reduce((all, byte) => all * 256 + byte, 0)
  const found = blocks4.find(([start, bits]) => isWithin(address, start, bits))
  return found === undefined ? undefined : `${text} is ${found[2]}`
}

function addressProblem6(text: string): string | undefined {
  const [first = '', second = ''] = text.slice(1).split(':')
  const high = (Number.parseInt(first, 16) || 0) * 65_536 + (Number.parseInt(second, 16) || 0)
  // Also refuses loopback, unique local and link-local addresses, and IPv4 that is mapped into IPv6 or behind NAT64.
  if (!isWithin(high, 0x20000000, 3)) return `${text} is outside the public part of IPv6`
  const found = blocks6.find(([start, bits]) => isWithin(high, start, bits))
  return found === undefined ? undefined : `${text} is ${found[2]}`
}

const isWithin = (address: number, start: number, bits: number): boolean =>
  Math.floor(address / 2 ** (32 - bits)) === Math.floor(start / 2 ** (32 - bits))

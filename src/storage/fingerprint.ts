/**
 * Hashes the identity of an event (source and messageId) to 64 bits, as two unsigned 32-bit halves written into `out` from `offset` on.
 *
 * Two cyrb53-like lanes over UTF-16 units. Not keyed: an attacker can only collide with ids that are known to them.
 */
export function fingerprint(source: string, id: string, out: Uint32Array, offset: number): void {
  let a = 0xdeadbeef ^ source.length
  let b = 0x41c6ce57 ^ id.length
  for (let i = 0; i < source.length; i++) {
    const unit = source.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ 0x1f, 2654435761)
  b = Math.imul(b ^ 0x1f, 1597334677)
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  out[offset] = a >>> 0
  out[offset + 1] = b >>> 0
}

/** Hashes one event's identity; see `fingerprint`. */
export function fingerprintOf(source: string, id: string): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(2)
  fingerprint(source, id, out, 0)
  return out
}

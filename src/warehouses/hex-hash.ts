/**
 * Hashes a text or bytes by SHA-256.
 *
 * @param of what, texts as UTF-8
 * @param bytes how many of the hash are told
 * @returns two hex digits for each byte
 */
export async function hexHash(of: string | Uint8Array<ArrayBuffer>, bytes = 32): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', typeof of === 'string' ? new TextEncoder().encode(of) : of)
  return Array.from(new Uint8Array(digest, 0, bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

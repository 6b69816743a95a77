import type { KafkaBytes } from './kafka.ts'

/** `fromCharCode` takes so many arguments at once. */
const step = 8_192

/** Writes bytes as standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let i = 0; i < bytes.length; i += step) binary += String.fromCharCode(...bytes.subarray(i, i + step))
  return btoa(binary)
}

/** Reads standard base64; what is not there is null. Throws a DOMException when it is no base64. */
export function fromBase64(text: string | null | undefined): KafkaBytes {
  if (text === null || text === undefined) return null
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

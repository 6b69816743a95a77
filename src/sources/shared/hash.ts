import { createHash } from 'node:crypto'

/**
 * Makes an anonymousId of a vendor's id: the first 36 hexadecimal digits of its SHA-256, so that the same person gets the
 * same one in every call.
 */
export const anonymousIdOf = (id: string | number): string =>
  createHash('sha256').update(String(id)).digest('hex').slice(0, 36)

/** The MD5 of a text, in hexadecimal: ids that RudderStack makes of an email address, not a protection of it. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

/** The SHA-256 of a text, in hexadecimal: ids that RudderStack makes of an email address, not a protection of it. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

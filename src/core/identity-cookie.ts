import type { Consent } from './consent.ts'

/**
 * Keeps a visitor's anonymousId in a cookie that the server sets: HttpOnly, SameSite=Lax, Secure on https. It outlives
 * browsers' caps on what scripts store, and the SDK's own storage.
 *
 * Works where browsers take cookies from answers: on the site's own host (see `paths`), or on a sibling host with `domain`.
 * Requests that another site causes, and those that a browser makes to show their answer, leave it alone.
 */
export interface IdentityCookie {
  /** Default `sw_id`. */
  readonly name?: string
  /** For cookies that subdomains share, e.g. `example.com`; the answering host alone when left out. */
  readonly domain?: string
  /** Days until it expires, renewed at every visit; default 365, at most 400 (browsers cap it there). */
  readonly maxAgeDays?: number
  /**
   * When given, the cookie is set and read only for events whose consent allows these categories, and is deleted when an
   * event denies them. For an event that says nothing about consent it is neither set, nor read, nor deleted.
   */
  readonly consent?: Consent
}

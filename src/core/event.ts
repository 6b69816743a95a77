/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** The types of the event specification. Others are kept and forwarded as they are. */
export type EventType = 'identify' | 'track' | 'page' | 'screen' | 'group' | 'alias' | 'merge'

/**
 * What happened, as the SDKs of the RudderStack and Segment event specification send it.
 *
 * After the edge, `messageId`, `timestamp`, `receivedAt`, `originalTimestamp`, `sentAt` and `context` are always there.
 * Unknown fields survive.
 */
export interface Event {
  type: EventType | (string & {})
  messageId: string
  anonymousId?: string
  userId?: string
  event?: string
  name?: string
  groupId?: string
  previousId?: string
  traits?: Record<string, unknown>
  properties?: Record<string, unknown>
  context?: Record<string, unknown>
  integrations?: Record<string, unknown>
  originalTimestamp?: string
  sentAt?: string
  timestamp?: string
  receivedAt?: string
  channel?: string
  [field: string]: unknown
}

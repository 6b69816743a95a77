import { maxDepth, truncateDepth, removeProtoKeys } from './validate-event.ts'

/** UTF-16 units of what a dead letter holds: its row must stay below 2 MB in UTF-8. */
const longest = 600_000

/** What of a value a dead letter holds. */
export interface DeadLetterBody {
  /** JSON text. */
  readonly event: string
  /** Says what is missing, if anything is. */
  readonly detail?: string
}

/** Writes whatever was sent for a dead letter: what is too deep is cut off, of what is too long the beginning is kept. */
export const deadLetterBody = (value: unknown): DeadLetterBody =>
  deadLetterBodyFromText(JSON.stringify(limitDepth(value)))

/** Cuts off what is too deep: `JSON.stringify` itself fails somewhere beyond a few thousand levels. */
export const limitDepth = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || removeProtoKeys(value, maxDepth) ? value : truncateDepth(value)

/** As `deadLetterBody`, for a value that is JSON text already. */
export const deadLetterBodyFromText = (text: string): DeadLetterBody =>
  text.length <= longest
    ? { event: text }
    : {
        event: JSON.stringify(text.slice(0, longest)),
        detail: `Only the first ${longest} of ${text.length} characters were kept.`,
      }

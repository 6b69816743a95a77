import { maxDepth, pruned, tame } from './validate-event.ts'

/** UTF-16 units of what a dead letter holds: its row must stay below 2 MB in UTF-8. */
const longest = 600_000

/** What of a value a dead letter holds. */
export interface Kept {
  /** JSON text. */
  readonly event: string
  /** Says what is missing, if anything is. */
  readonly detail?: string
}

/** Writes whatever was sent for a dead letter: what is too deep is cut off, of what is too long the beginning is kept. */
export const kept = (value: unknown): Kept => keptText(JSON.stringify(shallow(value)))

/** Cuts off what is too deep: `JSON.stringify` itself fails somewhere beyond a few thousand levels. */
export const shallow = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || tame(value, maxDepth) ? value : pruned(value)

/** As `kept`, for a value that is JSON text already. */
export const keptText = (text: string): Kept =>
  text.length <= longest
    ? { event: text }
    : {
        event: JSON.stringify(text.slice(0, longest)),
        detail: `Only the first ${longest} of ${text.length} characters were kept.`,
      }

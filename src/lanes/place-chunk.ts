import { type Envelope, unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import { frame, joinFrames, splitFrames, unframe } from '../storage/frame.ts'

/** Where a stretch of a source lies in a lane. */
interface StretchBounds {
  /** Offset of its first event in the source. */
  readonly from: number
  /** Place of its first event in the lane. */
  readonly base: number
  /** Place after its last event; Infinity while it goes on. */
  readonly end: number
}

/**
 * Numbers a chunk of a source as the lane does, and cuts off what of it belongs to no event of the stretch.
 *
 * @param chunk with offsets of the source; it holds an event of the stretch at least
 * @param stretch that it is in
 * @returns the chunk with places of the lane
 */
export function placeChunk(chunk: Chunk, { from, base, end }: StretchBounds): Chunk {
  const first = base + chunk.offset - from
  const skip = Math.max(0, base - first)
  const keep = Math.min(chunk.count, end - first)
  if (skip === 0 && keep === chunk.count) return first === chunk.offset ? chunk : { ...chunk, offset: first }
  const envelopes = unpack(unframe(chunk.data)).slice(skip, keep)
  return { offset: first + skip, count: keep - skip, at: chunk.at, data: frame(textOf(envelopes)) }
}

/**
 * Takes a target out of the routes of events that it has by another way.
 *
 * @param chunk of the log
 * @param target of the lane
 * @param has whether the lane has an event
 * @returns the chunk, of as many events
 */
export function withoutKnown(chunk: Chunk, target: string, has: (envelope: Envelope) => boolean): Chunk {
  let isChanged = false
  const frames = [...splitFrames(chunk.data)].map((one) => {
    const envelopes = unpack(unframe(one))
    const known = envelopes.map(({ header }, i) => header.to.includes(target) && has(envelopes[i] as Envelope))
    if (!known.includes(true)) return one
    isChanged = true
    return frame(textOf(envelopes, (i) => (known[i] === true ? target : undefined)))
  })
  return isChanged ? { ...chunk, data: joinFrames(frames) } : chunk
}

const textOf = (envelopes: readonly Envelope[], without: (i: number) => string | undefined = () => undefined): string =>
  envelopes
    .map(({ header, text }, i) => {
      const gone = without(i)
      const to = gone === undefined ? header.to : header.to.filter((name) => name !== gone)
      return `${JSON.stringify({ ...header, to })}\n${text}\n`
    })
    .join('')

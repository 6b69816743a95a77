import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import type { LaneRef } from '../core/inbox.ts'
import { isBlank } from '../core/json.ts'
import { edgeTarget, laneOf } from '../core/lanes.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { maxDepth, validateEvent } from '../edge/validate-event.ts'
import { messageIdOf } from '../enrichment/enrich.ts'
import { fillTimes, timeFields } from '../enrichment/fill-times.ts'
import { parseTimestamp, windowOf } from '../enrichment/timestamps.ts'
import { bodyOf } from './body.ts'
import { placeOf } from './letter-pages.ts'
import { patchBody, patchEvent } from './patch-event.ts'
import { type AdminCall, adminResponse } from './responses.ts'

const encoder = new TextEncoder()
/** Levels of what a call brings: far deeper ones cannot be written as JSON. */
const mostLevels = 10 * maxDepth
/** Tries to change a letter that others change at the same time. */
const mostTries = 50
const mendBody = z.strictObject(
  { event: z.record(z.string(), z.unknown(), 'must be an object') },
  'must be {"event":{…}} and nothing else',
)

/** PUT /dead-letters/:id: replaces the event. Its messageId must stay, so that repeats are still known as such. */
export async function editLetter(c: AdminCall): Promise<Response> {
  const { event } = await bodyOf(c, mendBody)
  assertDepth(event, mostLevels)
  return edit(c, () => event)
}
editLetter.takesBody = true as const

/** PATCH /dead-letters/:id: changes parts of the event by a JSON Patch. */
export async function patchLetter(c: AdminCall): Promise<Response> {
  const patch = await bodyOf(c, patchBody)
  assertDepth(patch, mostLevels)
  c.set(
    'about',
    patch.map(({ op, path }) => ({ op, path })),
  )
  return edit(c, ({ event }) => patchEvent(event, patch, c.env.resolved.limits.eventBytes))
}
patchLetter.takesBody = true as const

async function edit(c: AdminCall, change: (letter: DeadLetter) => Record<string, unknown>): Promise<Response> {
  const { ref, number } = placeOf(c.req.param('id') ?? '')
  const lane = laneOf(c.env.bindings, ref)
  for (let tries = 0; tries < mostTries; tries++) {
    const before = await lane.letterText(ref, number)
    const letter = await lane.letter(ref, number)
    if (before === null || letter === null) throw noLetterError(c)
    const edited = editedText(change(letter), letter, { ref, limits: c.env.resolved.limits })
    const deadLetter = await lane.editDeadLetter(ref, number, edited, before)
    if (deadLetter === null) throw noLetterError(c)
    if (deadLetter !== 'changed') return adminResponse(c, { success: true, deadLetter })
  }
  throw new SluicewayError('conflict', 'Others change this letter all the time; try it again.')
}

/** Makes the JSON of the event that a letter is to have. */
function editedText(
  event: Record<string, unknown>,
  letter: DeadLetter,
  { ref, limits }: { readonly ref: LaneRef; readonly limits: ResolvedConfig['limits'] },
): string {
  const { messageId } = letter
  if (event['messageId'] !== undefined && messageIdOf(event) !== messageId)
    throw new SluicewayError('bad_request', `event.messageId: must stay "${messageId}", or be left out`)
  // A lane sends what it has; the edge fills in what is missing, as for a new event.
  const whole = ref.target === edgeTarget ? event : wholeEventOf(event, letter, limits)
  const edited = JSON.stringify({ ...whole, messageId })
  const { eventBytes } = limits
  if (encoder.encode(edited).byteLength > eventBytes)
    throw new SluicewayError('body_too_large', `The event has more than ${eventBytes} bytes.`)
  return edited
}

/**
 * Checks an edited event as the edge does, takes out the keys that the edge takes out, and fills in the times that it lacks.
 *
 * @throws {SluicewayError} bad_request for what the edge refuses, and a time that cannot be read
 */
function wholeEventOf(
  event: Record<string, unknown>,
  { receivedAt, event: before }: DeadLetter,
  limits: Parameters<typeof windowOf>[1],
): Record<string, unknown> {
  assertDepth(event, maxDepth)
  const fault = validateEvent(event)
  if (fault !== undefined) throw new SluicewayError('bad_request', `event: ${fault.reason}`)
  for (const field of timeFields)
    if (parseTimestamp(event[field]) === undefined && !isBlank(event[field]))
      throw new SluicewayError(
        'bad_request',
        `event.${field}: must be a time such as 2026-11-22T10:00:00Z, or be left out`,
      )
  return fillTimes(event, { receivedAt, window: windowOf(receivedAt, limits), before })
}

function assertDepth(value: unknown, levels: number): void {
  if (isDeeperThan(value, levels))
    throw new SluicewayError('bad_request', `event: is nested deeper than ${levels} levels`)
}

const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((one) => isDeeperThan(one, levels - 1)))

/** The error of a call that names a letter which is not there. */
export const noLetterError = (c: AdminCall): SluicewayError =>
  new SluicewayError('not_found', `There is no dead letter "${c.req.param('id') ?? ''}".`)

import { withDeadline } from '../core/deadline.ts'
import type { DeadLetter, Difference, DryRun, LetterExchange } from '../core/dead-letter.ts'
import type { Destination } from '../core/destination.ts'
import { differencesOf } from '../core/differences.ts'
import { Envelope, type Header } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { Target } from '../core/resolved-config.ts'
import { decide } from './decide.ts'
import type { LetterRoute } from './replay-letter.ts'
import { replayedTextOf } from './replayed-text.ts'
import { redactorOf, SentExchange } from './sent-exchange.ts'

/**
 * Says what a replay of a letter would do now, with the rules, transforms and settings of today. Nothing is sent and nothing is
 * counted; the transforms do run.
 *
 * @param number of the letter
 * @param lane where it is
 * @returns null when there is no such letter
 * @throws {SluicewayError} conflict when the target is no longer in the config
 */
export async function dryRunLetter(number: number, lane: LetterRoute): Promise<DryRun | null> {
  const { ref, target, letters, limits } = lane
  const stored = letters.getStored(number)
  const letter = letters.get(number)
  if (stored === null || letter === null) return null
  if (target === undefined)
    throw new SluicewayError('conflict', `"${ref.target}" is not in the config: nothing would deliver it.`)
  const { messageId: id, key, source, receivedAt, rest, facts = {} } = stored
  const earlier = rest === undefined ? {} : { earlier: rest }
  const envelope = new Envelope(
    { id, key, source, receivedAt, to: [ref.target], facts, ...earlier },
    replayedTextOf(stored, limits),
  )
  if (target.kind === 'warehouse' && stored.transformed === true)
    return { outcome: 'load', events: [{ event: envelope.event }] }
  const { told, like } = await preview(envelope, target, lane, letter.attempts.at(-1)?.at)
  if (letter.request === undefined || like === undefined) return told
  return { ...told, differences: differencesFrom(letter, like) }
}

/**
 * Says what a lane makes of an event now; see `dryRunLetter`.
 *
 * @param packed its header and its JSON
 * @param lane which lane
 * @returns `changes` say what its rules and transforms make of it
 * @throws {SluicewayError} conflict when the target is no longer in the config
 */
export async function previewEvent(
  { header, text }: { readonly header: Header; readonly text: string },
  lane: LetterRoute,
): Promise<DryRun> {
  const { ref, target } = lane
  if (target === undefined)
    throw new SluicewayError('conflict', `"${ref.target}" is not in the config: nothing would deliver it.`)
  return (await preview(new Envelope(header, text), target, lane)).told
}

/** `like` is the first request, as it would have been at the time `at`: what is made of the clock is no difference. */
async function preview(
  envelope: Envelope,
  target: Target,
  { limits, port }: LetterRoute,
  at?: number,
): Promise<{ readonly told: DryRun; readonly like?: LetterExchange | undefined }> {
  const { userCodeMs } = limits
  const [made] = await decide([envelope], target, { port, userCodeMs })
  if (made === undefined || 'undecided' in made) {
    const { verdict } = made?.undecided ?? {}
    const why = verdict !== undefined && 'reason' in verdict ? { reason: verdict.reason } : {}
    return { told: { outcome: 'wait', ...why } }
  }
  const { parts, settled } = made
  const changes = parts.map(({ event }) => differencesOf(envelope.event, event))
  const changed = changes.some((one) => one.length > 0) ? { changes } : {}
  const verdict = settled?.verdict
  const why = verdict !== undefined && 'reason' in verdict ? { reason: verdict.reason } : {}
  if (parts.length === 0) return { told: { outcome: verdict?.kind === 'dead' ? 'dead' : 'skip', ...why } }
  if (target.kind !== 'destination')
    return { told: { outcome: 'load', events: parts.map(({ event }) => ({ event })), ...changed, ...why } }
  const { use } = target.route
  const requests: LetterExchange[] = []
  let like: LetterExchange | undefined
  try {
    for (const part of parts) {
      const one = await requestOf(part, use, { now: port.now(), userCodeMs })
      if (one === null) continue
      requests.push(one)
      if (at !== undefined) like ??= (await requestOf(part, use, { now: at, userCodeMs })) ?? undefined
    }
  } catch (error) {
    return { told: { outcome: 'dead', reason: redactorOf(use).text(reasonOf(error)), ...changed } }
  }
  if (requests.length === 0) return { told: { outcome: 'skip', reason: 'not for this destination', ...changed } }
  return { told: { outcome: 'send', requests, ...changed }, like }
}

/** The request of one event, without secrets; without it for a destination that sends by itself. */
async function requestOf(
  part: Envelope,
  use: Destination,
  { now, userCodeMs }: { readonly now: number; readonly userCodeMs: number },
): Promise<LetterExchange | null> {
  const item = use.encode(part)
  if (item === null) return null
  const request =
    use.send === undefined ? await withDeadline(() => use.request([item], { now }), userCodeMs, 'request') : undefined
  return new SentExchange(use, item, { request, response: undefined }).toJSON()
}

/** What is not as it was: of a request with several events, what was sent of this one is compared. */
function differencesFrom(letter: DeadLetter, now: LetterExchange): Difference[] {
  const wasEvent = () => JSON.stringify(letter.original ?? letter.event)
  const [before, after] =
    now.sent === undefined ? [letter.request?.body, now.request?.body] : [letter.sent ?? wasEvent(), now.sent]
  const isCut = letter.cut !== undefined && before !== undefined && typeof jsonOr(before) === 'string'
  const { method, url, headers } = letter.request ?? {}
  return differencesOf(
    { method, url, headers, ...(isCut || before === undefined ? {} : { body: jsonOr(before) }) },
    {
      method: now.request?.method,
      url: now.request?.url,
      headers: now.request?.headers,
      ...(isCut || after === undefined ? {} : { body: jsonOr(after) }),
    },
  )
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

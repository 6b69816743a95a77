import { withDeadline } from '../core/deadline.ts'
import type { DeadLetter, Difference, DryRun, LetterExchange } from '../core/dead-letter.ts'
import type { Destination } from '../core/destination.ts'
import { Envelope } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { decide } from './decide.ts'
import type { LetterRoute } from './replay-letter.ts'
import { replayedTextOf } from './replayed-text.ts'
import { redactorOf, SentExchange } from './sent-exchange.ts'

/** Differences that are told. */
const mostDifferences = 200

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
  const { ref, target, letters, limits, port } = lane
  const stored = letters.getStored(number)
  const letter = letters.get(number)
  if (stored === null || letter === null) return null
  if (target === undefined)
    throw new SluicewayError('conflict', `"${ref.target}" is not in the config: nothing would deliver it.`)
  const { messageId: id, key, source, receivedAt } = stored
  const envelope = new Envelope(
    { id, key, source, receivedAt, to: [ref.target], facts: {} },
    replayedTextOf(stored, limits),
  )
  if (target.kind === 'warehouse' && stored.transformed === true)
    return { outcome: 'load', events: [{ event: envelope.event }] }
  const [made] = await decide([envelope], target, { port, userCodeMs: limits.userCodeMs })
  if (made === undefined || 'undecided' in made) {
    const { verdict } = made?.undecided ?? {}
    return { outcome: 'wait', ...(verdict !== undefined && 'reason' in verdict ? { reason: verdict.reason } : {}) }
  }
  const { parts, settled } = made
  const why =
    settled !== undefined && 'reason' in settled.verdict
      ? {
          outcome: settled.verdict.kind === 'skip' ? ('skip' as const) : ('dead' as const),
          reason: settled.verdict.reason,
        }
      : undefined
  if (parts.length === 0) return why ?? { outcome: 'skip' }
  if (target.kind === 'warehouse')
    return {
      outcome: 'load',
      events: parts.map(({ event }) => ({ event })),
      ...(why?.reason === undefined ? {} : { reason: why.reason }),
    }
  const { use } = target.route
  const redactor = redactorOf(use)
  const requests: LetterExchange[] = []
  const before = letter.attempts.at(-1)?.at
  let likeBefore: LetterExchange | undefined
  for (const part of parts)
    try {
      const made = await requestOf(part, use, { now: port.now(), userCodeMs: limits.userCodeMs })
      if (made === null) continue
      requests.push(made)
      // What is made of the clock is no difference.
      likeBefore ??=
        (await requestOf(part, use, { now: before ?? port.now(), userCodeMs: limits.userCodeMs })) ?? undefined
    } catch (error) {
      return { outcome: 'dead', reason: redactor.text(reasonOf(error)) }
    }
  if (requests.length === 0) return { outcome: 'skip', reason: 'not for this destination' }
  return {
    outcome: 'send',
    requests,
    ...(letter.request === undefined || likeBefore === undefined
      ? {}
      : { differences: differencesFrom(letter, likeBefore) }),
  }
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

/**
 * Compares two values of JSON.
 *
 * @returns what differs, in the order of the first, at most 200
 */
export function differencesOf(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = []
  const compare = (one: unknown, other: unknown, path: string): void => {
    if (found.length >= mostDifferences || Object.is(one, other)) return
    const isObject = isRecord(one) && isRecord(other)
    if (!isObject && !(Array.isArray(one) && Array.isArray(other))) {
      found.push({
        path,
        ...(one === undefined ? {} : { before: one }),
        ...(other === undefined ? {} : { after: other }),
      })
      return
    }
    const a = one as Readonly<Record<string, unknown>>
    const b = other as Readonly<Record<string, unknown>>
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)]))
      compare(
        Object.hasOwn(a, name) ? a[name] : undefined,
        Object.hasOwn(b, name) ? b[name] : undefined,
        `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      )
  }
  compare(before, after, '')
  return found
}

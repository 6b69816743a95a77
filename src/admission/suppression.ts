import { type EventUsers, namesUser } from '../core/erased-user.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { fingerprint } from '../storage/fingerprint.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import { FingerprintSet } from './fingerprint-set.ts'
import { readCopy } from './suppression-copy.ts'
import type { Snapshot } from './suppression-list.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'

/** The users whose events are not taken, as this isolate knows them. */
export interface Suppressions {
  /**
   * Whether its userId or anonymousId is on the list, as text without blanks around it, or an id that it joins with them:
   * the previousId of an alias, the values of a merge.
   */
  readonly has: (event: EventUsers) => boolean
}

/** Milliseconds after which what an isolate knows is not used any more. */
const longestMs = 10_000
/** Milliseconds after which it is asked for again, while the old list still serves. */
const freshMs = 5_000
/** Milliseconds after which another request asks, when the one that did has not got an answer: it may have been cut off. */
const askingMs = 3_000
/** Milliseconds that the object may take, and R2 after it. */
const objectMs = 500
const bucketMs = 2_000

/** What an isolate knows. Only data: a promise of one request cannot be waited for by another. */
interface KnownSuppressions {
  version: number | undefined
  /** Undefined when nobody is on the list. */
  suppressions: Suppressions | undefined
  /** When the list was asked for that is known now, and when it was asked for last; milliseconds since the epoch. */
  at: number
  askedAt: number
}

const knownOf = perIsolate((_resolved: ResolvedConfig): KnownSuppressions => ({
  version: undefined,
  suppressions: undefined,
  at: -Infinity,
  askedAt: -Infinity,
}))

/**
 * Gives the list of suppressed users, at most ten seconds old.
 *
 * Each isolate keeps it and asks again, after the answer to a request, once it is five seconds old; a request that finds none,
 * or one that is too old, waits. When the object that keeps the list does not answer within 500 ms, its copy in R2 is read.
 *
 * Without an admin token nobody can be on the list, and nothing is asked.
 *
 * @returns undefined when nobody is on the list
 * @throws {SluicewayError} stream_unavailable when neither the object nor R2 answers
 */
export function suppressionsOf(app: AppContext): Suppressions | undefined | Promise<Suppressions | undefined> {
  const { resolved, port } = app
  if (resolved.adminToken === undefined) return undefined
  const known = knownOf(resolved)
  const now = port.now()
  const age = Math.abs(now - known.at)
  if (age > longestMs) return refreshList(known, app)
  if (age > freshMs && now - known.askedAt > askingMs)
    app.waitUntil(
      refreshList(known, app).catch((error: unknown) =>
        port.log('error', 'the list of suppressed users could not be read', { reason: reasonOf(error) }),
      ),
    )
  return known.suppressions
}

async function refreshList(known: KnownSuppressions, app: AppContext): Promise<Suppressions | undefined> {
  const at = app.port.now()
  known.askedAt = at
  const found = await fetchNewest(known.version, app)
  // Another request may have asked later and got its answer earlier.
  if (at >= known.at || Math.abs(at - known.at) > longestMs) {
    known.at = at
    if (found !== null) {
      known.version = found.version
      known.suppressions = suppressionsIn(found.prints)
    }
  }
  return known.suppressions
}

/** The list, or null when `version` still is the newest. */
async function fetchNewest(version: number | undefined, { bindings, port }: AppContext): Promise<Snapshot | null> {
  try {
    const asked = (async () => bindings.SUPPRESSION.getByName('all').snapshot(version))()
    return await withTimeout(asked, objectMs, 'the list of suppressed users')
  } catch (error) {
    port.log('warn', 'the list of suppressed users is unavailable; its copy is read', { reason: reasonOf(error) })
  }
  try {
    const copy = await withTimeout(readCopy(bindings.BUCKET), bucketMs, 'R2')
    // The copy of a change that R2 failed to take is older than what is known.
    return version !== undefined && copy.version <= version ? null : copy
  } catch (cause) {
    throw new SluicewayError(
      'stream_unavailable',
      'It could not be found out which users are suppressed; send the events again.',
      { cause },
    )
  }
}

function suppressionsIn(prints: Uint32Array): Suppressions | undefined {
  if (prints.length === 0) return undefined
  const set = new FingerprintSet(prints)
  const print = new Uint32Array(2)
  const hasId = (kind: 'userId' | 'anonymousId', id: string): boolean => {
    fingerprint(kind, id, print, 0)
    return set.has(print[0] as number, print[1] as number)
  }
  return { has: (event) => namesUser(event, hasId) }
}

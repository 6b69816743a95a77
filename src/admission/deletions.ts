import type { Deletion, ErasureStatus, UserToDelete } from '../core/bindings.ts'
import { deletionAnswerOf } from '../core/deletion-answer.ts'
import type { Credentials, DeletionAnswer, Destination, ForgottenUser } from '../core/destination.ts'
import type { ErasureOrder } from '../core/erased-user.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import { backoffMs } from '../core/retry.ts'
import { withSignal } from '../core/with-signal.ts'

/** What deletions need of an object's storage. */
export type DeletionStorage = Pick<DurableObjectStorage, 'get' | 'put' | 'delete' | 'list' | 'setAlarm'>

/** What they need beside it. */
export interface DeletionTools {
  readonly targets: ReadonlyMap<string, Target>
  readonly port: Port
  /** What is kept of credentials that a destination renews. */
  readonly credentialsOf?: (target: Target | undefined) => { readonly credentials?: Credentials }
  /** Has a user's events erased from the archive or what waits for a warehouse, whichever is named, or says how that is going. */
  readonly erase: (user: ErasureOrder, target: string) => Promise<ErasureStatus>
}

/** A deletion as it is kept; what is known of the user is there while it waits. */
interface Kept extends Deletion {
  readonly user?: ForgottenUser
}

/** Deletions in one run: each is one request. */
const atOnce = 24
/** How failed ones wait: from ten seconds up to an hour. */
const backoff = { baseSeconds: 10, capSeconds: 3_600 }
/** How often the archive, or a warehouse, is asked how it is going. */
const oursBackoff = { baseSeconds: 15, capSeconds: 300 }
const timeoutMs = 30_000
const longestMs = 14 * 86_400_000
const recordPrefix = 'deletion:'
const duePrefix = 'due:'

const nameOf = ({ destination, kind, id }: Pick<Deletion, 'destination' | 'kind' | 'id'>): string =>
  `${destination}:${kind}:${id}`
const dueKey = (at: number, name: string): string => `${duePrefix}${String(at).padStart(15, '0')}:${name}`

/**
 * Deletes users at destinations: each deletion is kept until it is done, and tried again for 14 days.
 *
 * Keys of the object's key-value storage, version 1: `deletion:<destination>:<kind>:<id>` is a deletion;
 * `due:<milliseconds, 15 digits>:<destination>:<kind>:<id>` (empty text) says when a waiting one is tried.
 */
export class Deletions {
  readonly #storage: DeletionStorage
  readonly #tools: () => DeletionTools

  /**
   * @param storage of the object, whose alarm calls `run`
   * @param tools the targets of the config and the way out; asked for when they are needed
   */
  constructor(storage: DeletionStorage, tools: () => DeletionTools) {
    this.#storage = storage
    this.#tools = tools
  }

  /**
   * Has users deleted, from now on. One that waits already is tried now; one that is done is done again.
   *
   * @param users with what is known of them
   * @param destinations names of the config
   * @returns what is known of each deletion at once; durable when it resolves
   */
  async ask(users: readonly UserToDelete[], destinations: readonly string[]): Promise<Deletion[]> {
    const { port } = this.#tools()
    const now = port.now()
    const asked: Deletion[] = []
    for (const { kind, id, email, phone } of users)
      for (const destination of destinations) {
        const name = nameOf({ destination, kind, id })
        const before = await this.#storage.get<Kept>(recordPrefix + name)
        if (before?.nextAttemptAt !== undefined) await this.#storage.delete(dueKey(before.nextAttemptAt, name))
        const deletion: Kept = {
          destination,
          kind,
          id,
          askedAt: now,
          attempts: 0,
          ...(!this.#isOurs(destination) && !canDelete(this.#destination(destination))
            ? {
                state: 'unsupported',
                reason: `${this.#destination(destination)?.name ?? destination} deletes no users`,
              }
            : {
                state: 'waiting',
                nextAttemptAt: now,
                user: {
                  [kind]: id,
                  ...(email === undefined ? {} : { email }),
                  ...(phone === undefined ? {} : { phone }),
                },
              }),
        }
        await this.#keep(deletion)
        asked.push(shown(deletion))
      }
    if (asked.some(({ state }) => state === 'waiting')) await this.#storage.setAlarm(now)
    return asked
  }

  /** In order of their names, from the one after `after` on. */
  async list({ after, limit }: { readonly after?: string; readonly limit: number }): Promise<Deletion[]> {
    const found = await this.#storage.list<Kept>({
      prefix: recordPrefix,
      limit,
      ...(after === undefined ? {} : { startAfter: recordPrefix + after }),
    })
    return Array.from(found.values(), shown)
  }

  /** Tries those that are due, and sets the alarm for the next. */
  async run(): Promise<void> {
    const { port } = this.#tools()
    const now = port.now()
    const due = await this.#storage.list({ prefix: duePrefix, end: dueKey(now + 1, ''), limit: atOnce })
    const prefix = dueKey(0, '').length
    await Promise.all(
      Array.from(due.keys(), async (key) => {
        const name = recordPrefix + key.slice(prefix)
        const kept = await this.#storage.get<Kept>(name)
        const made = kept?.state === 'waiting' ? await this.#attempt(kept) : undefined
        // It may have been asked for again meanwhile, with more that is known of the user.
        const isNewest = made !== undefined && (await this.#storage.get<Kept>(name))?.askedAt === made.askedAt
        // Both are written at once: one that is cut off is due again.
        await Promise.all([this.#storage.delete(key), ...(isNewest ? [this.#keep(made)] : [])])
      }),
    )
    const [next] = (await this.#storage.list({ prefix: duePrefix, limit: 1 })).keys()
    if (next !== undefined)
      await this.#storage.setAlarm(Math.max(port.now() + 1_000, Number(next.slice(duePrefix.length, prefix - 1))))
  }

  async #keep(deletion: Kept): Promise<void> {
    const name = nameOf(deletion)
    const { nextAttemptAt: at } = deletion
    await this.#storage.put({
      [recordPrefix + name]: deletion,
      ...(at === undefined ? {} : { [dueKey(at, name)]: '' }),
    })
  }

  #destination(name: string): Destination | undefined {
    const target = this.#tools().targets.get(name)
    return target?.kind === 'destination' ? target.route.use : undefined
  }

  /** Whether it is ours: the archive, or a warehouse. */
  #isOurs(name: string): boolean {
    return (this.#tools().targets.get(name)?.kind ?? 'destination') !== 'destination'
  }

  /** What is ours works by itself and is asked how it is going; nothing of it fails. */
  async #askOurs({ kind, id, askedAt, attempts, ...kept }: Kept): Promise<Kept> {
    const { port, erase } = this.#tools()
    const answer = await erase({ kind, id, askedAt }, kept.destination).catch((error: unknown) => ({
      isDone: false,
      reason: `no answer: ${reasonOf(error)}`,
    }))
    const told = { kind, id, askedAt, attempts: attempts + 1, at: port.now(), reason: answer.reason }
    const { nextAttemptAt: _, user, ...rest } = kept
    if (answer.isDone) return { ...rest, ...told, state: 'done' }
    const wait = backoffMs(told.attempts, port.random(), oursBackoff)
    return {
      ...rest,
      ...told,
      state: 'waiting',
      nextAttemptAt: port.now() + Math.max(wait, 1_000),
      ...(user === undefined ? {} : { user }),
    }
  }

  async #attempt(waiting: Kept): Promise<Kept> {
    if (this.#isOurs(waiting.destination)) return this.#askOurs(waiting)
    const { user = {}, nextAttemptAt: _, ...kept } = waiting
    const { port } = this.#tools()
    const attempt = { ...kept, attempts: kept.attempts + 1, at: port.now() }
    if (!canDelete(this.#destination(kept.destination)))
      return {
        ...attempt,
        state: 'failed',
        reason: 'the destination is not in the config any more, or deletes no users',
      }
    let answer: DeletionAnswer
    try {
      answer = await this.#delete(user, kept.destination)
    } catch (error) {
      return { ...attempt, state: 'failed', reason: reasonOf(error) }
    }
    if (answer.state !== 'waiting') {
      if (answer.state === 'failed')
        port.log('warn', 'a user was not deleted at a destination', {
          destination: kept.destination,
          reason: answer.reason,
        })
      return { ...attempt, ...answer }
    }
    const { afterSeconds = 0, ...told } = answer
    if (port.now() - kept.askedAt > longestMs) return { ...attempt, ...told, state: 'failed' }
    const wait = Math.max(afterSeconds * 1_000, backoffMs(attempt.attempts, port.random(), backoff), 1_000)
    return { ...attempt, ...told, nextAttemptAt: port.now() + Math.min(wait, 86_400_000), user }
  }

  /** Makes one attempt; rejects where it cannot be made. */
  async #delete(user: ForgottenUser, name: string): Promise<DeletionAnswer> {
    const { port, targets, credentialsOf } = this.#tools()
    const { forget, deleteUser } = this.#destination(name) as Destination
    const now = port.now()
    if (deleteUser !== undefined) {
      const { fetch } = port
      return withSignal(timeoutMs, (signal) =>
        deleteUser(user, { now, fetch, signal, ...credentialsOf?.(targets.get(name)) }),
      )
    }
    const { url, body, ...rest } = await (forget as NonNullable<typeof forget>)(user, { now })
    return send(new Request(url, { ...rest, ...(body === undefined ? {} : { body }), redirect: 'manual' }), port)
  }
}

const canDelete = (use: Destination | undefined): boolean => (use?.forget ?? use?.deleteUser) !== undefined

const shown = ({ user: _, ...deletion }: Kept): Deletion => deletion

async function send(request: Request, port: Port): Promise<DeletionAnswer> {
  try {
    return await withSignal(timeoutMs, async (signal) => {
      const response = await port.fetch(new Request(request, { signal }))
      void response.body?.cancel().catch(() => undefined)
      return deletionAnswerOf(response, port.now())
    })
  } catch (error) {
    return { state: 'waiting', reason: `no answer: ${reasonOf(error)}` }
  }
}

import { eraseUsers } from '../archive/erase-users.ts'
import { archivePrefix, readKey } from '../archive/object-name.ts'
import type { Bindings, ErasureStatus } from '../core/bindings.ts'
import { type ErasureOrder, erasureSettlesMs } from '../core/erased-user.ts'
import { reasonOf } from '../core/errors.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { LaneStore } from './lane-store.ts'

/** Objects after which it is stored how far a pass is. */
const savedAfter = 20
/** Erasures that wait at most, and those that are remembered when they are done. */
const mostWanted = 1_000
const againMs = 30_000

/** A way through all objects of the partition. */
interface Pass {
  readonly users: readonly ErasureOrder[]
  /** Keys up to it are done. */
  readonly after: string
  readonly objects: number
  readonly erased: number
}

/** Row `erasures` of `meta`, as JSON. */
interface Stored {
  readonly wanted: readonly ErasureOrder[]
  readonly pass?: Pass
  readonly done: readonly ErasureOrder[]
}

interface EraserOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly bindings: Pick<Bindings, 'BUCKET'>
  readonly port: Port
  readonly spend: (subrequests: number) => void
  readonly changed: () => void
  /** Asks the stream for the place after its newest event: the lane may know nothing of it yet. */
  readonly head: () => Promise<number>
  /** Whether all below a place is archived; if not, it is archived soon. */
  readonly isArchived: (place: number) => boolean
}

/**
 * Takes the events of users out of the objects of one partition, in the background: all who wait are looked for in one pass,
 * which goes on after a crash where it was.
 */
export class ArchiveEraser {
  readonly #options: EraserOptions
  #stored: Stored
  #keys: string[] = []
  /** Whose pass comes next, and the place below which all must be archived before; an object that starts anew asks anew. */
  #turn: { readonly users: readonly ErasureOrder[]; readonly head: number } | undefined
  #nextAt = 0
  isBusy = false

  constructor(options: EraserOptions) {
    this.#options = options
    this.#stored = JSON.parse(options.store.get('erasures') ?? '{"wanted":[],"done":[]}') as Stored
  }

  /**
   * Has a user's events erased, unless that was done since it was asked for.
   *
   * @returns how it is going; `done` once no event is left that was accepted before `askedAt`
   */
  erase({ kind, id, askedAt }: ErasureOrder): ErasureStatus {
    const { wanted, pass, done } = this.#stored
    const isThis = (one: ErasureOrder) => one.kind === kind && one.id === id && one.askedAt >= askedAt
    if (done.some(isThis)) return { isDone: true }
    if (pass?.users.some(isThis) === true)
      return { isDone: false, reason: `${pass.objects} objects of partition ${this.#options.ref.partition} are done` }
    if (!wanted.some(isThis)) {
      if (wanted.length >= mostWanted) return { isDone: false, reason: 'too many users wait' }
      this.#save({ ...this.#stored, wanted: [...wanted, { kind, id, askedAt }] })
      this.#options.changed()
    }
    return { isDone: false, reason: 'it waits for its turn' }
  }

  pump(): void {
    const due = this.due()
    if (due === undefined || due > this.#options.port.now()) return
    this.isBusy = true
    void this.#step()
      .catch((error: unknown) => {
        const { port, ref } = this.#options
        this.#keys = []
        this.#nextAt = port.now() + againMs
        port.log('warn', 'users could not be erased from the archive', { ...ref, reason: reasonOf(error) })
      })
      .finally(() => {
        this.isBusy = false
        this.#options.changed()
      })
  }

  due(): number | undefined {
    const { wanted, pass } = this.#stored
    if (this.isBusy || (pass === undefined && wanted.length === 0)) return undefined
    const settled = pass === undefined ? Math.min(...wanted.map(({ askedAt }) => askedAt)) + erasureSettlesMs : 0
    return Math.max(this.#nextAt, settled)
  }

  async #step(): Promise<void> {
    const { port, head, isArchived } = this.#options
    const { pass } = this.#stored
    if (pass !== undefined) return this.#goOn(pass)
    const settled = port.now() - erasureSettlesMs
    const settledUsers = this.#stored.wanted.filter(({ askedAt }) => askedAt <= settled)
    this.#turn ??= { users: settledUsers, head: await head() }
    if (!isArchived(this.#turn.head)) {
      this.#nextAt = port.now() + 1_000
      return
    }
    const { users } = this.#turn
    this.#turn = undefined
    const { wanted, done } = this.#stored
    const rest = wanted.filter((one) => !users.includes(one))
    this.#save({ wanted: rest, done, pass: { users, after: archivePrefix, objects: 0, erased: 0 } })
  }

  async #goOn(pass: Pass): Promise<void> {
    const { bindings, store, spend, ref } = this.#options
    let { after, objects, erased } = pass
    for (let i = 0; i < savedAfter; i++) {
      if (this.#keys.length === 0) this.#keys = await this.#list(after)
      const key = this.#keys.shift()
      if (key === undefined) {
        const { wanted, done } = this.#stored
        this.#save({ wanted, done: [...done, ...pass.users].slice(-mostWanted) })
        return
      }
      if (readKey(key)?.partition === ref.partition) {
        spend(2)
        const found = await eraseUsers(bindings.BUCKET, key, pass.users)
        if (found > 0) store.count('erased', found)
        erased += found
        objects++
      }
      after = key
    }
    this.#save({ ...this.#stored, pass: { users: pass.users, after, objects, erased } })
  }

  async #list(startAfter: string): Promise<string[]> {
    this.#options.spend(1)
    const { objects } = await this.#options.bindings.BUCKET.list({ prefix: archivePrefix, startAfter })
    return objects.map(({ key }) => key)
  }

  #save(stored: Stored): void {
    this.#stored = stored
    this.#options.store.set('erasures', JSON.stringify(stored))
  }
}

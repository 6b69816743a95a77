import { DurableObject } from 'cloudflare:workers'
import type { Bindings, Deletion, Suppressed, SuppressionRpc, UserToDelete } from '../core/bindings.ts'
import { Database } from '../storage/database.ts'
import { R2_WRITE_MS_PER_KEY } from '../platform/limits.ts'
import { Deletions, type DeletionTools } from './deletions.ts'
import { writeCopy } from './suppression-copy.ts'
import { type Snapshot, SuppressionList, type UserId } from './suppression-list.ts'

/**
 * Keeps the list of users whose events are not taken any more, and its copy in R2 (see suppression-copy.ts). Deletes users at
 * destinations (see deletions.ts).
 *
 * A change is answered once both have it; changes within a second share a copy. When R2 fails, the call fails too, though the list has the change already; the copy
 * is then made up for at the next call of any kind. Meant for up to a million users: isolates fetch 8 bytes for each.
 */
export class SuppressionObject extends DurableObject<Bindings> implements SuppressionRpc {
  readonly #list: SuppressionList
  readonly #deletions: Deletions
  /** The last copy that was begun: they are written one after the other, so that the newest stays. */
  #copying: Promise<void> = Promise.resolve()
  /** When R2 was last written to, milliseconds since the epoch: it takes one write a second to a key. */
  #wroteAt = 0

  /**
   * @param tools what deletions need of the config: asked for once there are any, since the list must work without
   */
  constructor(ctx: DurableObjectState, env: Bindings, tools: () => DeletionTools) {
    super(ctx, env)
    this.#deletions = new Deletions(ctx.storage, tools)
    this.#list = new SuppressionList(new Database(ctx.storage.sql))
  }

  async add(users: readonly UserId[]): Promise<void> {
    this.#list.add(users, Date.now())
    await this.#copy()
  }

  async remove(users: readonly UserId[]): Promise<number> {
    const removed = this.#list.remove(users)
    await this.#copy()
    return removed
  }

  async list(query: { after?: string; limit: number }): Promise<Suppressed[]> {
    return this.#list.list(query)
  }

  async find(users: readonly UserId[]): Promise<Suppressed[]> {
    return this.#list.find(users)
  }

  async deleteAt(users: readonly UserToDelete[], destinations: readonly string[]): Promise<Deletion[]> {
    return this.#deletions.ask(users, destinations)
  }

  async deletions(query: { after?: string; limit: number }): Promise<Deletion[]> {
    return this.#deletions.list(query)
  }

  override async alarm(): Promise<void> {
    await this.#deletions.run()
  }

  async snapshot(version: number | undefined): Promise<Snapshot | null> {
    if (this.#list.copied !== this.#list.version) this.ctx.waitUntil(this.#copy().catch(() => undefined))
    return version === this.#list.version ? null : this.#list.snapshot
  }

  #copy(): Promise<void> {
    const before = this.#copying
    return (this.#copying = (async () => {
      await before.catch(() => undefined)
      if (this.#list.version === this.#list.copied) return
      const wait = this.#wroteAt + R2_WRITE_MS_PER_KEY - Date.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, R2_WRITE_MS_PER_KEY)))
      this.#wroteAt = Date.now()
      // Has what came meanwhile: whoever waits for that finds it copied.
      const { snapshot } = this.#list
      await writeCopy(snapshot, this.env.BUCKET)
      this.#list.copied = snapshot.version
    })())
  }
}

import type { Event } from '../../src/core/event.ts'
import type { KnownMetadata, TransformFunctions } from '../../src/core/transform.ts'
import { runStep } from '../../src/transforms/step.ts'
import { type WireBatch, writeAnswer } from '../../src/transforms/wire.ts'

/** How the platform ends a call. */
export interface Ending {
  readonly message: string
  /** Whether the isolate is gone, with all that its module held. */
  readonly ends: boolean
  /** Whether the runtime marks it as thrown in the isolate. */
  readonly remote?: boolean
}

/** An isolate that is loaded. */
interface Isolate {
  readonly functions: TransformFunctions
  readonly limits: WorkerLoaderWorkerCode['limits']
}

/**
 * The binding of a Worker Loader as Cloudflare runs it, with the limits that the local runtime does not enforce: it ends calls, and
 * drops isolates.
 */
export class LimitedLoader {
  /** Ids, each time that an isolate was loaded. */
  readonly loaded: string[] = []
  /** messageIds of each call. */
  readonly calls: (readonly string[])[] = []
  /** Limits of each call. */
  readonly limits: WorkerLoaderWorkerCode['limits'][] = []
  readonly #live = new Map<string, Isolate>()
  readonly #evaluate: () => TransformFunctions
  readonly #endingOf: (events: readonly Event[]) => Ending | undefined

  /**
   * @param evaluate evaluates the module of the transform: once for each isolate
   * @param endingOf says how the platform ends a call with these events; undefined where it does not
   */
  constructor(evaluate: () => TransformFunctions, endingOf: (events: readonly Event[]) => Ending | undefined) {
    this.#evaluate = evaluate
    this.#endingOf = endingOf
  }

  get(id: string, load: () => WorkerLoaderWorkerCode) {
    return { getEntrypoint: () => ({ run: (batch: string) => this.#run(id, load, batch) }) }
  }

  /** Drops isolates, as the platform may between two calls. */
  evict(): void {
    this.#live.clear()
  }

  async #run(id: string, load: () => WorkerLoaderWorkerCode, batch: string): Promise<string> {
    const { events, known, kinds, userCodeMs, mark } = JSON.parse(batch) as WireBatch
    const isolate = this.#live.get(id) ?? { functions: this.#evaluate(), limits: load().limits }
    if (!this.#live.has(id)) this.loaded.push(id)
    this.#live.set(id, isolate)
    this.calls.push(events.map(({ messageId }) => messageId))
    this.limits.push(isolate.limits)
    const ending = this.#endingOf(events)
    if (ending !== undefined) {
      if (ending.ends) this.#live.delete(id)
      throw Object.assign(new Error(ending.message), { remote: ending.remote === true })
    }
    const items = events.map((event, i) => ({ event, known: known[kinds?.[i] ?? 0] as KnownMetadata }))
    const result = await runStep(isolate.functions, items, userCodeMs, mark)
    return writeAnswer(result, { failed: result.failed.map(({ from, error }) => ({ from, ...error })) })
  }
}

import type { Engine, Warehouse } from '../core/warehouse.ts'

/**
 * Engines that are open at once. A Worker has six connections, and the loader needs some for R2.
 * https://developers.cloudflare.com/workers/platform/limits/ (checked 2026-11-29)
 */
const mostOpen = 3

/** The engines of one warehouse for one run of its loader: one for each namespace, few of which are open at once. */
export class EnginePool {
  readonly #use: Warehouse
  readonly #bindings: Readonly<Record<string, unknown>>
  /** Those that are open by their namespaces, the one last that was used last. */
  readonly #open = new Map<string, Engine>()
  readonly #namespaces = new Map<string, string>()
  #traits: Engine | undefined
  #closedRows = 0

  /** @param bindings of the Worker: the same for every engine, so that they can count together what the run has used up */
  constructor(use: Warehouse, bindings: Readonly<Record<string, unknown>>) {
    this.#use = use
    this.#bindings = bindings
  }

  /** The namespace of a source; asked for each event, and so remembered. */
  namespaceOf(source: string): string {
    let namespace = this.#namespaces.get(source)
    if (namespace === undefined) this.#namespaces.set(source, (namespace = this.#use.namespaceOf(source)))
    return namespace
  }

  /** Any engine, to ask for what is the same in all of them. It may be closed. */
  get traits(): Pick<Engine, 'provider' | 'kept' | 'rowColumns' | 'widerType' | 'keepsTimes' | 'gather'> | undefined {
    return this.#traits
  }

  /** The engine of a namespace; the one that was not used for longest is closed for it. */
  async of(namespace: string): Promise<Engine> {
    const open = this.#open.get(namespace)
    this.#open.delete(namespace)
    if (open === undefined && this.#open.size >= mostOpen)
      for (const oldest of [...this.#open.keys()].slice(0, 1)) await this.#close(oldest)
    const engine = open ?? this.#use.open(this.#bindings, namespace)
    this.#traits ??= engine
    this.#open.set(namespace, engine)
    return engine
  }

  /** Rows written by all of them, where Cloudflare bills them. */
  get rowsWritten(): number {
    return [...this.#open.values()].reduce((sum, { rowsWritten = 0 }) => sum + rowsWritten, this.#closedRows)
  }

  async close(): Promise<void> {
    for (const namespace of this.#open.keys()) await this.#close(namespace)
  }

  async #close(namespace: string): Promise<void> {
    const engine = this.#open.get(namespace)
    this.#open.delete(namespace)
    this.#closedRows += engine?.rowsWritten ?? 0
    await engine?.close().catch(() => {})
  }
}

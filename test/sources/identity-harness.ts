import { join } from 'node:path'
import type { Bindings, IdentityRpc } from '../../src/core/bindings.ts'
import { Workerd } from '../support/workerd.ts'

/** The Identity object in workerd, on state that outlives it. */
export class IdentityHarness {
  readonly #workerd: Workerd

  private constructor(workerd: Workerd) {
    this.#workerd = workerd
  }

  static async start(): Promise<IdentityHarness> {
    const entryPoints = [join(import.meta.dirname, 'identity-worker.ts')]
    const durableObjects = { IDENTITY: { className: 'Identity', useSQLite: true } }
    return new IdentityHarness(await Workerd.start({ entryPoints }, { name: 'identity', durableObjects }))
  }

  /** Ends the runtime as a power cut does, and starts it again on the same state; its clock is right again. */
  restart(): Promise<void> {
    return this.#workerd.restart()
  }

  stop(): Promise<void> {
    return this.#workerd.stop()
  }

  /** Sets the objects' clock so far ahead of the real one; a negative number sets it back. */
  ahead(ms: number): Promise<number> {
    return this.#post('ahead', [ms])
  }

  of(source: string): IdentityRpc & { stored: () => Promise<string[]>; alarmAt: () => Promise<number | null> } {
    return {
      get: (key) => this.#post(`${source}/get`, [key]),
      set: (key, value, seconds) => this.#post(`${source}/set`, [key, value, seconds]),
      stored: () => this.#post(`${source}/stored`, []),
      alarmAt: () => this.#post(`${source}/alarmAt`, []),
    }
  }

  /** What a Worker would be bound to. */
  get binding(): Bindings['IDENTITY'] {
    return { getByName: (name) => this.of(name) }
  }

  async #post<T>(path: string, args: readonly unknown[]): Promise<T> {
    const response = await this.#workerd.fetch(`/${path}`, { method: 'POST', body: JSON.stringify(args) })
    return (await response.json()) as T
  }
}

import type { Bindings } from '../core/bindings.ts'
import type { Credentials } from '../core/destination.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import { withSignal } from '../core/with-signal.ts'
import type { LaneStore } from './lane-store.ts'

/** The name under which a lane's table `meta` has them. */
const name = 'credentials'

interface KeptCredentialsTools {
  readonly store: Pick<LaneStore, 'get' | 'set'>
  readonly port: Pick<Port, 'fetch' | 'now'>
}

/**
 * The credentials of a destination that renews them (OAuth), in the first of its lanes. Vendors take a token for renewal once:
 * two lanes that renewed at the same time would shut each other out.
 */
export class KeptCredentials {
  readonly #target: Target | undefined
  readonly #tools: KeptCredentialsTools
  #renewing: Promise<string> | undefined

  constructor(target: Target | undefined, tools: KeptCredentialsTools) {
    this.#target = target
    this.#tools = tools
  }

  /** What was made last; null when nothing was. */
  current(): string | null {
    return this.#tools.store.get(name) ?? null
  }

  /**
   * Renews, unless somebody has done so since `used` were current, or does so now.
   *
   * @param used what the caller knew as current
   * @returns what is current now
   * @throws {SluicewayError} conflict when the destination has nothing to renew; else whatever the destination rejects with
   */
  async renew(used: string | null): Promise<string> {
    const current = this.current()
    if (current !== null && current !== used) return current
    this.#renewing ??= this.#renew(current).finally(() => (this.#renewing = undefined))
    return this.#renewing
  }

  async #renew(current: string | null): Promise<string> {
    const use = this.#target?.kind === 'destination' ? this.#target.route.use : undefined
    if (use?.renew === undefined)
      throw new SluicewayError('conflict', 'The destination has no credentials to be renewed.')
    const { renew } = use
    const { store, port } = this.#tools
    const { fetch } = port
    const made = await withSignal(use.limits.timeoutSeconds * 1000, (signal) =>
      renew(current, { now: port.now(), fetch, signal }),
    )
    store.set(name, made)
    return made
  }
}

/**
 * Gives whoever sends to a destination what its first lane keeps.
 *
 * @param target where to
 * @param lanes the objects of lanes
 * @returns `credentials` of a port, where the destination renews any
 */
export function credentialsOf(target: Target | undefined, lanes: Bindings['LANE']): Partial<Pick<Port, 'credentials'>> {
  if (target?.kind !== 'destination' || target.route.use.renew === undefined) return {}
  const ref = { target: target.name, partition: 0 }
  const first = () => lanes.getByName(`${ref.target}:${ref.partition}`)
  const credentials: Credentials = {
    current: () => first().credentials(ref),
    renew: async (used) => (await first().credentials(ref, { used })) ?? '',
  }
  return { credentials }
}

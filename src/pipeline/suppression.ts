import type { World } from '../core/world.ts'

/** The users whose events are not taken, as this isolate knows them. */
export interface Suppressions {
  readonly has: (event: { readonly userId?: unknown; readonly anonymousId?: unknown }) => boolean
}

/** Gives the list of suppressed users, at most ten seconds old; undefined when nobody is on it. */
export function suppressionsOf(_world: World): Suppressions | undefined | Promise<Suppressions | undefined> {
  return undefined
}

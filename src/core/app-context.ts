import type { Bindings } from './bindings.ts'
import type { Port } from './port.ts'
import type { Resolved } from '../configure/resolve.ts'

/** What every HTTP surface gets as Hono's `c.env`: `new Hono<{ Bindings: World }>()`. */
export interface World {
  readonly resolved: Resolved
  readonly bindings: Bindings
  readonly port: Port
  /** Lets work go on after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void
}

import type { Bindings } from './bindings.ts'
import type { Port } from './port.ts'
import type { ResolvedConfig } from './resolved-config.ts'

/** What every HTTP surface gets as Hono's `c.env`: `new Hono<{ Bindings: AppContext }>()`. */
export interface AppContext {
  readonly resolved: ResolvedConfig
  readonly bindings: Bindings
  readonly port: Port
  /** Lets work go on after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void
}

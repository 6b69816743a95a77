import type { AppContext } from '../../src/core/app-context.ts'
import type { Bindings } from '../../src/core/bindings.ts'
import type { Port } from '../../src/core/port.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'

/** The time at which the clock of a fake context stands, in milliseconds since the epoch. */
export const now = Date.UTC(2026, 10, 22, 10, 0, 0, 500)

/** Secret of the admin API, where a test has one. */
export const adminToken = 'correct-horse-battery-staple'

/** What a test puts into a context; what it leaves out is not there, or does nothing. */
export interface ContextParts {
  readonly resolved?: { readonly [Name in keyof ResolvedConfig]?: unknown }
  readonly bindings?: { readonly [Name in keyof Bindings]?: unknown }
  readonly port?: Partial<Port>
}

/** What code gets as its `AppContext`, with all that it does to it in the hands of the test. */
export interface FakeContext {
  readonly context: AppContext
  /** Moved on by the test; milliseconds since the epoch. */
  readonly clock: { now: number }
  /** Messages that were logged. */
  readonly logged: string[]
  /** What goes on after the answers. */
  readonly background: Promise<unknown>[]
}

/**
 * Makes a port that reaches nothing: no network, the time `now`, no chance, and UUIDs that count.
 *
 * @param more what is otherwise
 */
export function fakePort(more: Partial<Port> = {}): Port {
  let ids = 0
  return {
    fetch: () => Promise.reject(new Error('nothing is fetched here')),
    now: () => now,
    random: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
    log: () => {},
    ...more,
  }
}

/**
 * Puts a context together from the parts that a test is about.
 *
 * @param parts what is resolved and bound, and how the port differs from `fakePort`
 */
export function fakeContext({ resolved = {}, bindings = {}, port = {} }: ContextParts = {}): FakeContext {
  const clock = { now }
  const logged: string[] = []
  const background: Promise<unknown>[] = []
  const context = {
    resolved,
    bindings,
    port: fakePort({ now: () => clock.now, log: (_level, message) => void logged.push(message), ...port }),
    waitUntil: (work: Promise<unknown>) => void background.push(work),
  } as unknown as AppContext
  return { context, clock, logged, background }
}

import type { AppContext } from './app-context.ts'
import { edgeLane, laneOf } from './lanes.ts'
import { joinLayouts, type Layout, layoutOf } from './layout.ts'
import { perIsolate } from './per-isolate.ts'
import type { ResolvedConfig } from './resolved-config.ts'
import { withTimeout } from './with-timeout.ts'

/** Milliseconds that the lane of the edge may take. */
const askMs = 2_000
/** Milliseconds between two tries. */
const againMs = 10_000

/**
 * Tells the lane of the edge, which remembers it, what the config asks for.
 *
 * @param app config and bindings
 * @returns all that it knows; rejects when it does not answer
 */
export async function noteLayout({ resolved, bindings }: AppContext): Promise<Layout> {
  const seen = layoutOf(resolved)
  const asked = (async () => laneOf(bindings, edgeLane).layout(edgeLane, { seen }))()
  return joinLayouts(seen, await withTimeout(asked, askMs, 'the lane of the edge'))
}

/**
 * Says which objects there are, or were.
 *
 * @param app config and bindings
 * @returns those of the config first; these alone where the lane of the edge does not answer, which is told of it elsewhere
 */
export const knownLayout = (app: AppContext): Promise<Layout> => noteLayout(app).catch(() => layoutOf(app.resolved))

const notedOf = perIsolate((_resolved: ResolvedConfig) => ({ isDone: false, at: -Infinity }))

/**
 * Has what this isolate is about to write to remembered, beside the answer: one call in the life of an isolate. The sweep, each
 * minute, makes up for a call that fails.
 *
 * @param app config and bindings
 */
export function noteLayoutOnce(app: AppContext): void {
  const noted = notedOf(app.resolved)
  const now = app.port.now()
  if (noted.isDone || now - noted.at < againMs) return
  noted.at = now
  const note = async () => {
    await noteLayout(app)
    noted.isDone = true
  }
  app.waitUntil(note().catch(() => undefined))
}

import type { AppContext } from '../core/app-context.ts'
import { reasonOf } from '../core/errors.ts'
import { edgeLane, laneOf } from '../core/lanes.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { countsOfStep, type TransformStep, TransformSums } from '../core/transform-counts.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { Pace } from './pace.ts'

/** Milliseconds between two sums of an isolate: every request with transforms adds to one, so it costs more than a drop. */
const pauseMs = 5_000
/** Milliseconds after which a sum is given up. */
const countMs = 5_000

const bufferOf = perIsolate((_resolved: ResolvedConfig) => ({ sums: new TransformSums(), pace: new Pace(pauseMs) }))

/**
 * Adds to what the lane of the edge knows of transforms, after the answer and with at most one call in five seconds of each
 * isolate. A sum that fails or takes long is logged instead.
 *
 * @param steps what the transforms of the source did
 * @param source its name
 * @param app config, bindings, clock
 */
export function countTransforms(steps: readonly TransformStep[], source: string, app: AppContext): void {
  if (steps.length === 0) return
  const { port, resolved, bindings } = app
  const buffer = bufferOf(resolved)
  buffer.sums.add(steps.map((step) => countsOfStep(step, source)))
  const wait = buffer.pace.next(port.now())
  if (wait === undefined) return
  const send = async () => {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const transforms = buffer.sums.all()
    buffer.sums = new TransformSums()
    buffer.pace.sent(port.now())
    try {
      const called = laneOf(bindings, edgeLane).count(edgeLane, {}, [], transforms)
      await withTimeout(called, countMs, 'the lane of the edge')
    } catch (error) {
      const names = transforms.map(({ transform }) => transform)
      port.log('error', 'what transforms did was not counted', { transforms: names, reason: reasonOf(error) })
    }
  }
  app.waitUntil(send())
}

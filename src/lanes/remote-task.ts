import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import type { Deadlines } from './deadlines.ts'
import { forward } from './forward.ts'
import type { InvocationBudget } from './invocation-budget.ts'
import { readTask, writeBroken, writeResult } from './remote-wire.ts'

/** What forwards events to one destination in an invocation of its own. */
export interface RemoteTools {
  readonly target: Extract<Target, { kind: 'destination' }>
  /** The world as the lane has it; what it fetches is counted in `budget`. */
  readonly port: Port
  readonly budget: Pick<InvocationBudget, 'isSpent'>
  readonly userCodeMs: number
}

/**
 * Forwards a group of events for a lane, as `forward` does it there.
 *
 * @param text what `writeTask` writes
 * @param tools of the invocation
 * @returns what `readResult` reads, also where the delivery broke; never rejects
 */
export async function forwardTask(
  text: string,
  { target, port, budget, userCodeMs, deadlines }: RemoteTools & { readonly deadlines: Deadlines },
): Promise<string> {
  try {
    const task = readTask(text)
    const steps: TransformStep[] = []
    const forwarded = await forward(task.events, target, {
      port,
      userCodeMs,
      deadlines,
      isProven: task.isProven,
      count: (more) => void steps.push(...more),
    })
    return writeResult({ ...forwarded, steps, isSpent: budget.isSpent }, task)
  } catch (error) {
    return writeBroken(reasonOf(error))
  }
}

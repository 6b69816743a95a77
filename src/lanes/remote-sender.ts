import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import type { TransformStep } from '../core/transform-counts.ts'
import { Deadlines } from './deadlines.ts'
import { forward } from './forward.ts'
import type { InvocationBudget } from './invocation-budget.ts'
import { readTask, writeBroken, writeResult } from './remote-wire.ts'

/** What forwards events to one destination in an invocation of its own. */
export interface RemoteTools {
  readonly target: Extract<Target, { kind: 'destination' }>
  /** The world as the lane has it; what it fetches is counted in `budget`. */
  readonly port: Port
  readonly budget: InvocationBudget
  readonly userCodeMs: number
}

/** Forwards groups of events for a lane, each call as `forward` does it in the lane; lives until the lane lets go of it. */
export class RemoteGroups extends RpcTarget {
  readonly #tools: RemoteTools
  readonly #deadlines = new Deadlines()

  constructor(tools: RemoteTools) {
    super()
    this.#tools = tools
  }

  /** Takes what `writeTask` writes, gives what `readResult` reads. It rejects where the platform ends it, and never else. */
  async forward(text: string): Promise<string> {
    const { target, port, budget, userCodeMs } = this.#tools
    try {
      const task = readTask(text)
      const steps: TransformStep[] = []
      const forwarded = await forward(task.events, target, {
        port,
        userCodeMs,
        deadlines: this.#deadlines,
        isProven: task.isProven,
        count: (more) => void steps.push(...more),
      })
      return writeResult({ ...forwarded, steps, isSpent: budget.isSpent }, task)
    } catch (error) {
      return writeBroken(reasonOf(error))
    }
  }
}

/**
 * Sends for lanes that need more connections than one invocation has: each `open` begins an invocation with connections, timers
 * and subrequests of its own. It keeps nothing.
 */
export class RemoteSenderEntrypoint extends WorkerEntrypoint<Bindings> {
  readonly #toolsOf: (target: string) => RemoteTools

  /** @param toolsOf gives the destination of that name, and the world; throws where the config has none */
  constructor(ctx: ExecutionContext, env: Bindings, toolsOf: (target: string) => RemoteTools) {
    super(ctx, env)
    this.#toolsOf = toolsOf
  }

  open(target: string): RemoteGroups {
    return new RemoteGroups(this.#toolsOf(target))
  }
}

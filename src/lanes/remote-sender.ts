import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers'
import type { Bindings } from '../core/bindings.ts'
import { Deadlines } from './deadlines.ts'
import { forwardTask, type RemoteTools } from './remote-task.ts'

/** Forwards groups of events for a lane, in one invocation that lives until the lane lets go of it. */
export class RemoteGroups extends RpcTarget {
  readonly #tools: RemoteTools
  readonly #deadlines = new Deadlines()

  constructor(tools: RemoteTools) {
    super()
    this.#tools = tools
  }

  /** As `forwardTask`: it rejects where the platform ends the invocation, and never else. */
  forward(text: string): Promise<string> {
    return forwardTask(text, { ...this.#tools, deadlines: this.#deadlines })
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

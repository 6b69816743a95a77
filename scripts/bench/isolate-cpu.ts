import { Debugger, type Wake } from './debugger.ts'

/** Microseconds between two looks at an isolate. */
const intervalUs = 1_000

/** What `Profiler.stop` answers: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile (2026-11-29). */
interface Stopped {
  readonly profile: {
    readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string } }[]
    readonly samples?: readonly number[]
  }
}

/**
 * Tells in which isolates of a runtime its processor time goes. V8 looks once a millisecond; an isolate is seen only while
 * the thread is in it, so that what is seen adds up.
 */
export class IsolateCpu {
  readonly #debuggers: readonly Debugger[]

  private constructor(debuggers: readonly Debugger[]) {
    this.#debuggers = debuggers
  }

  /** @param port where the runtime takes debuggers */
  static async start(port: number, wake: Wake): Promise<IsolateCpu> {
    const debuggers = await Debugger.openAll(port, wake)
    for (const one of debuggers) {
      await one.call('Profiler.enable')
      await one.call('Profiler.setSamplingInterval', { interval: intervalUs })
      await one.call('Profiler.start')
    }
    return new IsolateCpu(debuggers)
  }

  /** Ends it. Returns milliseconds by isolate, native code and garbage collection included. */
  async stop(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    for (const one of this.#debuggers) {
      const { profile } = await one.call<Stopped>('Profiler.stop')
      const idle = new Set(
        profile.nodes.flatMap(({ id, callFrame }) => (callFrame.functionName === '(idle)' ? id : [])),
      )
      const busy = (profile.samples ?? []).filter((node) => !idle.has(node)).length
      found.set(one.isolate, (found.get(one.isolate) ?? 0) + (busy * intervalUs) / 1_000)
      one.close()
    }
    return found
  }
}

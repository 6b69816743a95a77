import { reasonOf } from '../../src/core/errors.ts'

interface Stoppable {
  readonly stop: () => unknown
}

/** Notes something that must be ended when the benchmark ends, however it does. */
export type Keep = <T extends Stoppable>(starting: Promise<T>) => Promise<T>

/**
 * Runs a benchmark; ends everything that it kept when it is over, fails or is interrupted.
 *
 * @param benchmark gets `keep`, through which it starts servers
 */
export async function session(benchmark: (keep: Keep) => Promise<void>): Promise<void> {
  const kept: Promise<Stoppable>[] = []
  const keep: Keep = (starting) => {
    kept.push(starting)
    return starting
  }
  const end = async (code: number): Promise<never> => {
    await Promise.allSettled(kept.map(async (starting) => (await starting).stop()))
    process.exit(code)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(130))
  try {
    await benchmark(keep)
  } catch (thrown) {
    process.stderr.write(`${reasonOf(thrown)}\n`)
    await end(1)
  }
  await end(0)
}

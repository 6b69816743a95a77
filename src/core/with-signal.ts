/**
 * Runs work with a signal that aborts after a time. The timer ends with the work: the platform allows an object 10,000 of them.
 *
 * @param ms milliseconds
 * @param work is given the signal
 * @returns what the work gives; rejects with what it rejects with
 */
export async function withSignal<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${ms} ms`)), ms)
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}

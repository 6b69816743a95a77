import { reasonOf } from '../../src/core/errors.ts'

/**
 * Runs a task now and then every so many seconds, never twice at a time. A failure is said once until it changes or ends.
 *
 * @param task what to run
 * @param options `seconds` between starts, and `say` for a failure
 * @returns a function that ends it
 */
export function everyFew(
  task: () => Promise<void>,
  { seconds, say }: { readonly seconds: number; readonly say: (line: string) => void },
): () => void {
  let running = false
  let said = ''
  let ended = false
  const run = async () => {
    if (running) return
    running = true
    try {
      await task()
      said = ''
    } catch (thrown) {
      const reason = reasonOf(thrown)
      if (reason !== said && !ended) say(`The scheduled functions failed: ${reason}`)
      said = reason
    } finally {
      running = false
    }
  }
  void run()
  const timer = setInterval(() => void run(), seconds * 1_000)
  return () => {
    ended = true
    clearInterval(timer)
  }
}

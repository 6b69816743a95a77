/** Something took longer than it may. */
export class NoAnswer extends Error {}

/**
 * Waits for work, but not for ever. The work itself is not stopped: what it does later is nobody's concern any more.
 *
 * @param work what is waited for; a rejection that comes too late is swallowed
 * @param ms milliseconds that it may take
 * @param what names it in the error, e.g. `the log`
 * @returns what the work gave; rejects with what it rejects with, or with NoAnswer when it took too long
 */
export async function withTimeout<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`${what} did not answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

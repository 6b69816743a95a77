import { R2_WRITE_MS_PER_KEY } from '../../src/platform/limits.ts'

/**
 * Says what R2 says: one write a second to each key, by the real clock.
 *
 * @returns to be called before each write; throws for one that comes too soon
 */
export function r2WriteLimit(): (key: string) => void {
  const last = new Map<string, number>()
  return (key) => {
    const now = performance.now()
    // A timer may ring a little early.
    if (now - (last.get(key) ?? -Infinity) < R2_WRITE_MS_PER_KEY - 5)
      throw new Error('put: Reduce your concurrent request rate for the same object. (10058)')
    last.set(key, now)
  }
}

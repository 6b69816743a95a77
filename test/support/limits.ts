import { serialize } from 'node:v8'
import { R2_WRITE_MS_PER_KEY, RPC_BYTES } from '../../src/platform/limits.ts'

// Doubles that enforce limits of the platform, which nothing enforces on one machine.

/**
 * Puts an object of the test behind a call as the platform makes it: arguments and answer have at most 32 MiB.
 *
 * @param object what is called
 */
export const withRpcLimit = <Rpc extends object>(object: Rpc): Rpc =>
  new Proxy(object, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        assertRpcSize(args)
        const answer: unknown = await method.apply(target, args)
        assertRpcSize(answer)
        return answer
      }
    },
  })

function assertRpcSize(value: unknown): void {
  const bytes = serialize(value).byteLength
  if (bytes > RPC_BYTES)
    throw new Error(`Serialized RPC arguments or return values are limited to 32MiB, but the size was: ${bytes} bytes.`)
}

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

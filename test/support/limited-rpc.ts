import { serialize } from 'node:v8'
import { RPC_BYTES } from '../../src/platform/limits.ts'

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

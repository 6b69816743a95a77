// `sluiceway/transform-globals`: types of the globals that a transform has which is imported as `#transforms/<name>`.
import type { TransformGlobals } from '../transforms/globals.ts'

declare global {
  /** Writes a line while the transform is tested; does nothing otherwise. */
  const log: TransformGlobals['log']
  /** Gives the answer as an object; rejects with a plain object. `fetch` itself gives the JSON of the body, or `ERROR`. */
  const fetchV2: TransformGlobals['fetchV2']
  /** Gives where an address is. */
  const geolocation: TransformGlobals['geolocation']
  /** Gives a value of the option `credentials`. */
  const getCredential: TransformGlobals['getCredential']
}

import { type BuiltFile, type BuiltTransform, callable } from './inline.ts'
import { isolate, type IsolateCode } from './isolate.ts'
import type { IsolateOptions } from './options.ts'

/**
 * Makes the transform of a file that runs in an isolate of its own.
 *
 * @param built its file
 * @param code what is loaded
 */
export const isolatedTransform = (built: BuiltFile, code: IsolateCode): BuiltTransform<IsolateOptions> =>
  callable((options = {}) => isolate(built, code, options))

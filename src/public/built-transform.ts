// What `#transforms/<name>` exports, as the build makes it of `transforms/<name>.ts`.
import type { BuiltTransform } from '../transforms/inline.ts'
import type { IsolateOptions, TransformOptions } from '../transforms/options.ts'

/** Runs the file in the Worker: for code that you wrote and reviewed. */
export declare const inline: BuiltTransform<TransformOptions>
/** Runs the file in an isolate of its own: it reaches nothing but what the options name. */
export declare const isolated: BuiltTransform<IsolateOptions>

import type { Transform, TransformFunctions } from '../core/transform.ts'
import { createGlobals, type TransformGlobals } from './globals.ts'
import { guardedFetch } from './guarded-fetch.ts'
import { inlineOptions, optionProblems, type TransformOptions } from './options.ts'

/** What the build knows of a transform. */
export interface BuiltFile {
  /** Its file's name without the ending: what counters and dead letters call it. */
  readonly name: string
  /** Path of its file. */
  readonly file: string
  /** Which of the two functions it exports. */
  readonly functions: readonly string[]
}

/** A transform that the build made from a file: as it is, or called with options. */
export type BuiltTransform<Options> = Transform & ((options?: Options, tools?: BuiltTools) => Transform)

/** What a test adds. */
export interface BuiltTools {
  /** Takes each line of `log`. */
  readonly log?: (line: string) => void
}

/**
 * Makes the transform of a file that runs in the Worker.
 *
 * @param built its file
 * @param evaluate evaluates its module, once for each set of options
 */
export function inlineTransform(
  built: BuiltFile,
  evaluate: (globals: TransformGlobals) => TransformFunctions,
): BuiltTransform<TransformOptions> {
  const withOptions = (options: TransformOptions = {}, { log }: BuiltTools = {}): Transform => {
    const rules = {
      hosts: options.fetch ?? ['*'],
      allowPrivate: options.allowPrivate === true,
      service: options.geolocation,
    }
    const { globals, learn } = createGlobals({
      send: (request) => guardedFetch(request, rules, (one) => fetch(one)),
      credentials: options.credentials ?? {},
      geolocation: options.geolocation,
      global: {},
      say: log,
    })
    let loaded: TransformFunctions | undefined
    const load = (): TransformFunctions => (loaded ??= evaluate(globals))
    const functions = {
      ...(built.functions.includes('transformEvent')
        ? { transformEvent: (...given) => load().transformEvent?.(...given) }
        : {}),
      ...(built.functions.includes('transformBatch')
        ? { transformBatch: (...given) => load().transformBatch?.(...given) ?? [] }
        : {}),
    } satisfies TransformFunctions
    return { name: built.name, problems: optionProblems(options, inlineOptions), ...functions, load, learn }
  }
  return callable(withOptions)
}

/** A function that is the transform without options, too. */
export function callable<Options>(
  withOptions: (options?: Options, tools?: BuiltTools) => Transform,
): BuiltTransform<Options> {
  const made = (options?: Options, tools?: BuiltTools): Transform => withOptions(options, tools)
  // A function has a name of its own, which cannot be assigned.
  const plain = Object.entries(withOptions()).map(([key, value]) => [key, { value, enumerable: true }] as const)
  return Object.defineProperties(made, Object.fromEntries(plain)) as BuiltTransform<Options>
}

/**
 * Stands for a file that does not build: a problem of the config that imports it, and of no other.
 *
 * @param name of the file
 * @param problem what the build says
 */
export const unbuiltTransform = (name: string, problem: string): BuiltTransform<TransformOptions> =>
  callable(() => {
    const transformEvent = (): never => {
      throw new Error(problem)
    }
    return { name, problems: [problem], transformEvent }
  })

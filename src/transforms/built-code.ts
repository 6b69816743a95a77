import type { Positions } from '../core/positions.ts'

/** A module in JavaScript with all that it imports. */
export interface BuiltModule {
  readonly text: string
  /** Where its lines come from; left out where they are ours. */
  readonly positions?: Positions
}

/** Modules by the name that code imports. */
export type BuiltModules = Readonly<Record<string, BuiltModule>>

/** The libraries of a deployment, by handle. */
export interface BuiltLibraries {
  readonly javascript: BuiltModules
  readonly python: Readonly<
    Record<
      string,
      {
        /** As its author wrote it. */
        readonly text: string
        /** What tracebacks call it. */
        readonly shown: string
      }
    >
  >
}

/** What runs Python in an isolate, beside MicroPython itself. */
export interface PythonRuntime {
  /** A module with `givenFunctions`; see python/given.ts. */
  readonly engine: string
  /** Our modules in Python: texts by path. */
  readonly library: Readonly<Record<string, string>>
}

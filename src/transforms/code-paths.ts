/**
 * Where the build puts what code of a call needs beside it (see the admin API's /transformations): among the assets, below a path
 * that the Worker alone reads. So no bundle holds it.
 */
export const codePaths = {
  /** What runs beside the code of a user in an isolate. */
  harness: '/admin/harness.txt',
  /** JSON of `BuiltModules`: what is built in, such as `@rs/hash/v1`. */
  builtIn: '/admin/transform-modules.json',
  /** JSON of `BuiltLibraries`. */
  libraries: '/admin/transform-libraries.json',
  /** JSON of `PythonRuntime`. */
  python: '/admin/python.json',
  /** MicroPython. */
  wasm: '/admin/micropython.wasm',
} as const

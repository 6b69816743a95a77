// What makes the functions of code in Python that a call brings; the build puts it among the assets.
import type { TransformFunctions } from '../../core/transform.ts'
import { adaptPython } from './adapt.ts'
import { pythonFunctions, type PythonGlobals, type PythonProgram } from './transform.ts'

/**
 * Makes the functions of a transform in Python whose files are as their author wrote them: what the build does to files of
 * `transforms/` is done here.
 *
 * @param wasm MicroPython, compiled
 * @param code the user's files, and our modules
 * @param globals what it may reach
 */
export function givenFunctions(
  wasm: WebAssembly.Module,
  { program, library }: { readonly program: PythonProgram; readonly library: PythonProgram['files'] },
  globals: PythonGlobals,
): TransformFunctions {
  const adapted = Object.entries(program.files).map(([path, text]) => [path, adaptPython(text)] as const)
  return pythonFunctions(wasm, { ...program, files: { ...library, ...Object.fromEntries(adapted) } }, globals)
}

import { readFileSync } from 'node:fs'
import { Machine } from '../../src/transforms/python/machine.ts'
import type { PythonProgram } from '../../src/transforms/python/transform.ts'
import { pythonLibrary, wasmOf } from './python.ts'

const memoryBytes = 48 * 1024 * 1024
const entry = '_transform.py'

/**
 * Makes what compiles transforms in Python, and runs nothing of them.
 *
 * @param home the folder of our package.json
 * @returns says why a program could not start, by file and line; undefined where it can
 */
export function pythonChecker(home: string): (program: PythonProgram) => string | undefined {
  const library = pythonLibrary(home)
  const machine = new Machine(new WebAssembly.Module(readFileSync(wasmOf(home))), {
    files: new Map(Object.entries(library)),
    memoryBytes,
    port: { read: () => undefined, write: () => undefined, print: () => undefined },
    world: { now: () => 0, random: () => 0 },
  })
  const errorOf = (code: string): string | undefined => {
    try {
      machine.run(code)
      return undefined
    } catch (thrown) {
      return (thrown as Error).message.trim()
    }
  }
  const isThere = (name: string): boolean =>
    Object.keys(library).some((file) => file === `${name}.py` || file.startsWith(`${name}/`)) ||
    errorOf(`import ${name}`) === undefined
  return ({ files, shown }) => {
    // Libraries follow as they are imported: one that nobody imports is in nobody's way.
    const open = [entry]
    for (const file of open) {
      const source = files[file] ?? ''
      const at = (line: number | string): string => `(${shown[file] ?? file}:${line})`
      const error = errorOf(`compile(${JSON.stringify(source)}, "file.py", "exec")`)
      if (error !== undefined)
        return `${error.split('\n').at(-1)} ${at(/File "file\.py", line (\d+)/.exec(error)?.[1] ?? 1)}`
      for (const { name, line } of importsOf(source)) {
        const own = `${name}.py`
        if (own in files) {
          if (!open.includes(own)) open.push(own)
        } else if (!isThere(name)) return `ImportError: no module named '${name}' ${at(line)}`
      }
    }
    const asynchronous = /^async\s+def\s+(transformEvent|transformBatch)\b/m.exec(files[entry] ?? '')
    return asynchronous === null
      ? undefined
      : `${asynchronous[1]} is async; write "def": what it asks for by requests is waited for`
  }
}

/** Modules that a file imports at its left margin, where no `try` stands before them. */
function importsOf(source: string): { readonly name: string; readonly line: number }[] {
  const code = source.replaceAll(/"""[\s\S]*?"""|'''[\s\S]*?'''/g, (text) => text.replaceAll(/[^\n]/g, ' '))
  return code.split('\n').flatMap((text, i) => {
    const from = /^from\s+(\w+)[\w.]*\s+import\b/.exec(text)
    const names = from === null ? (/^import\s+([^#;]+)/.exec(text)?.[1]?.split(',') ?? []) : [from[1] as string]
    return names.flatMap((one) => {
      const name = /^\s*(\w+)/.exec(one)?.[1]
      return name === undefined ? [] : { name, line: i + 1 }
    })
  })
}

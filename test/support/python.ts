import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pythonLibrary, pythonProgram } from '../../scripts/build/python.ts'
import type { Event } from '../../src/core/event.ts'
import type { MetadataOf, TransformFunctions } from '../../src/core/transform.ts'
import { type PythonGlobals, pythonFunctions } from '../../src/transforms/python/transform.ts'

const home = resolve(import.meta.dirname, '../..')
const { Module } = WebAssembly as unknown as { readonly Module: new (bytes: Uint8Array) => WebAssembly.Module }
const wasm = new Module(
  readFileSync(
    createRequire(import.meta.url).resolve('@micropython/micropython-webassembly-pyscript/micropython.wasm'),
  ),
)
const library = pythonLibrary(home)

/** Makes the functions of Python code, as the build would of `transforms/score.py`. */
export function pythonOf(
  source: string,
  {
    libraries = {},
    globals = {},
  }: { readonly libraries?: Readonly<Record<string, string>>; readonly globals?: Partial<PythonGlobals> } = {},
): TransformFunctions {
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-python-'))
  try {
    const path = join(folder, 'score.py')
    writeFileSync(path, source)
    const files = Object.entries(libraries).map(([handle, text]) => {
      const file = join(folder, `${handle}.py`)
      writeFileSync(file, text)
      return [handle, file] as const
    })
    const program = pythonProgram({ path, shown: 'transforms/score.py', libraries: new Map(files) })
    return pythonFunctions(
      wasm,
      { ...program, files: { ...library, ...program.files } },
      {
        log: () => undefined,
        fetchV2: () => Promise.reject(new Error('no network')),
        geolocation: () => Promise.reject(new Error('geolocation is not available right now')),
        getCredential: () => undefined,
        ...globals,
      },
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Gives the metadata of the event `order-1843`. */
export const metadataOfOrder: MetadataOf = ({ messageId }: Event) =>
  (messageId === 'order-1843' ? { messageId, sourceName: 'web' } : {}) as ReturnType<MetadataOf>

/** What an expression of Python is, as JSON. */
export function evaluated(expression: string, before = ''): unknown {
  const { transformEvent } = pythonOf(
    `${before}\ndef transformEvent(event, metadata):\n    return {"is": ${expression}}\n`,
  )
  const event = { type: 'track', messageId: 'order-1843' } as Event
  const returned = transformEvent?.(event, metadataOfOrder) as unknown as { readonly is: unknown } | undefined
  return returned?.is
}

const noSuchFile = -44
const readOnly = -69
const notOpen = 8

/** `st_mode` of a file and of a folder. */
const modes = { file: 0o100444, folder: 0o040555 } as const

/** Files as MicroPython asks for them: to be read, and no more. Calls answer as those of WASI and Emscripten do. */
export class ReadOnlyFiles {
  readonly #files = new Map<string, Uint8Array>()
  readonly #folders = new Set<string>([''])
  readonly #open = new Map<number, { readonly bytes: Uint8Array; at: number }>()
  #next = 3

  /** @param files texts by path, as `urllib/parse.py` */
  constructor(files: ReadonlyMap<string, string>) {
    const encoder = new TextEncoder()
    for (const [path, text] of files) {
      this.#files.set(path, encoder.encode(text))
      for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
        this.#folders.add(path.slice(0, end))
    }
  }

  /** Fills a `struct stat`. */
  stat(path: string, memory: DataView, at: number): number {
    const name = normalized(path)
    const bytes = this.#files.get(name)
    if (bytes === undefined && !this.#folders.has(name)) return noSuchFile
    for (let i = 0; i < 96; i += 4) memory.setUint32(at + i, 0, true)
    memory.setUint32(at + 4, bytes === undefined ? modes.folder : modes.file, true)
    memory.setUint32(at + 24, bytes?.length ?? 0, true)
    return 0
  }

  /** @param flags as `open` of C takes them: the lowest two bits are 0 where nothing is written */
  open(path: string, flags: number): number {
    const bytes = this.#files.get(normalized(path))
    if (bytes === undefined) return noSuchFile
    if ((flags & 3) !== 0) return readOnly
    this.#open.set(this.#next, { bytes, at: 0 })
    return this.#next++
  }

  /** Copies what comes next to `target`. @returns the bytes that were copied; undefined where the file is not open */
  read(file: number, target: Uint8Array): number | undefined {
    const open = this.#open.get(file)
    if (open === undefined) return undefined
    const piece = open.bytes.subarray(open.at, open.at + target.length)
    target.set(piece)
    open.at += piece.length
    return piece.length
  }

  close(file: number): number {
    return this.#open.delete(file) ? 0 : notOpen
  }
}

const normalized = (path: string): string => path.replace(/^(?:\.?\/)+/, '').replace(/^\.$/, '')

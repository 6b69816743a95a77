import { ReadOnlyFiles } from './files.ts'

/** How the names that Python asks for, and sets, reach whoever runs it. Values are text, numbers or nothing. */
export interface Port {
  /** @returns what `port.<name>` is in Python; undefined raises AttributeError */
  read(name: string): string | number | undefined
  /** `port.<name> = value` in Python. Whatever is neither text, a whole number, a bool nor None arrives as undefined. */
  write(name: string, value: string | number | boolean | null | undefined): void
  /** A piece of what Python printed. */
  print(text: string): void
}

/** Milliseconds since 1970, and 32 random bits. */
export interface World {
  now(): number
  random(): number
}

export interface MachineOptions {
  readonly port: Port
  readonly world: World
  /** Texts by path that Python may import and read. */
  readonly files: ReadonlyMap<string, string>
  /** Bytes that the whole memory of the machine may take: what asks for more stops the machine. */
  readonly memoryBytes: number
}

/** What ended the machine: it can't be used any more. */
export class MachineStopped extends Error {
  override readonly name = 'MachineStopped'
}

/** How MicroPython jumps back to its handler of exceptions. */
const longJump = Symbol('longjmp')

const stackBytes = 64 * 1024
const pageBytes = 64 * 1024
const noSuchFile = -44
const notOpen = 8
/** '/' and the end of the text. */
const slash = 0x2f

/** Kinds of values that cross from and to Python, as MicroPython's `proxy_c.c` numbers them. */
const fromPython = { exception: -1, none: 1, bool: 2, int: 3, text: 5 } as const
const toPython = { integer: 3, double: 4, text: 5 } as const

/** Names of exports that Emscripten gives underscores. */
const construct = '__wasm_call_ctors'
const functionTable = '__indirect_function_table'
const restoreStack = '_emscripten_stack_restore'

interface Exports {
  readonly memory: WebAssembly.Memory
  readonly [functionTable]: WebAssembly.Table
  [construct](): void
  malloc(bytes: number): number
  free(pointer: number): void
  setThrew(threw: number, value: number): void
  emscripten_stack_init(): void
  emscripten_stack_get_current(): number
  [restoreStack](pointer: number): void
  mp_js_init(pystackWords: number, heapBytes: number): void
  proxy_c_init(): void
  mp_js_do_exec(source: number, length: number, result: number): void
}

/**
 * MicroPython with nothing around it: no file, no clock but the given one, no network, and nothing of JavaScript but its
 * port. The loader that comes with the package keeps its state in globals, so that there could be one per isolate only, and
 * gives Python everything that JavaScript has.
 *
 * A machine holds what modules hold, and lets go of garbage between two calls of `run`, not within one.
 */
export class Machine {
  readonly #exports: Exports
  readonly #options: MachineOptions
  readonly #decoder = new TextDecoder()
  readonly #encoder = new TextEncoder()
  readonly #result: number
  #stopped = false
  /** Milliseconds that have passed for Python beside those of the clock, which stands still while it computes. */
  #ticks = 0
  #ticksAsked = 0

  /**
   * @param module MicroPython's WebAssembly, compiled
   * @param options what it may use
   */
  constructor(module: WebAssembly.Module, options: MachineOptions) {
    this.#options = options
    const instance = new WebAssembly.Instance(module, this.#imports(module))
    this.#exports = instance.exports as unknown as Exports
    this.#exports.emscripten_stack_init()
    this.#exports[construct]()
    this.#exports.mp_js_init(stackBytes / 4, 8 * 1024 * 1024)
    this.#exports.proxy_c_init()
    this.#result = this.#exports.malloc(16)
  }

  /** Bytes that the machine takes. They never get fewer. */
  get bytes(): number {
    return this.#exports.memory.buffer.byteLength
  }

  /**
   * Runs statements at the top level of the machine.
   *
   * @param source Python
   * @throws {Error} with Python's traceback as its message, when they raise
   * @throws {MachineStopped} when the machine can't go on: JavaScript's stack or the memory has ended
   */
  run(source: string): void {
    if (this.#stopped) throw new MachineStopped('the interpreter has ended')
    this.#ticks = 0
    this.#ticksAsked = 0
    let raised: string | undefined
    try {
      const { pointer, length } = this.#allocate(source)
      this.#exports.mp_js_do_exec(pointer, length, this.#result)
      this.#exports.free(pointer)
      raised = this.#raised(this.#result)
    } catch (thrown) {
      this.#stopped = true
      throw new MachineStopped(thrown instanceof Error ? thrown.message : 'the interpreter has ended', {
        cause: thrown,
      })
    }
    if (raised !== undefined) throw new Error(raised)
  }

  #raised(at: number): string | undefined {
    const view = new DataView(this.#exports.memory.buffer)
    const kind = view.getInt32(at, true)
    const text = view.getUint32(at + 8, true)
    if (kind === fromPython.text) this.#exports.free(text)
    if (kind !== fromPython.exception) return undefined
    const message = this.#text(text, view.getUint32(at + 4, true))
    this.#exports.free(text)
    // The type, a control character, the traceback.
    return message.slice(message.indexOf('\u0004') + 1)
  }

  #allocate(text: string): { readonly pointer: number; readonly length: number } {
    // As many bytes as its UTF-8 can have at most; a lone surrogate has three as well.
    const room = text.length * 3 + 1
    const pointer = this.#exports.malloc(room)
    if (pointer === 0) throw new MachineStopped('the interpreter has no memory left')
    const { written } = this.#encoder.encodeInto(text, new Uint8Array(this.#exports.memory.buffer, pointer, room))
    new Uint8Array(this.#exports.memory.buffer)[pointer + written] = 0
    return { pointer, length: written }
  }

  #text(pointer: number, length: number): string {
    return this.#decoder.decode(new Uint8Array(this.#exports.memory.buffer, pointer, length))
  }

  #name(pointer: number): string {
    const bytes = new Uint8Array(this.#exports.memory.buffer)
    const end = bytes.indexOf(0, pointer)
    // Short names take less time than the decoder needs to begin.
    if (end - pointer <= 12) {
      let name = ''
      for (let i = pointer; i < end && (bytes[i] as number) < 128; i++) name += String.fromCharCode(bytes[i] as number)
      if (name.length === end - pointer) return name
    }
    return this.#text(pointer, end - pointer)
  }

  #lookUp(reference: number, name: number, out: number): number {
    const value = reference === 0 ? this.#options.port.read(this.#name(name)) : undefined
    if (value === undefined) return 0
    this.#put(value, out)
    return 1
  }

  #put(value: string | number, out: number): void {
    if (typeof value === 'string') {
      const { pointer, length } = this.#allocate(value)
      const view = new DataView(this.#exports.memory.buffer)
      view.setInt32(out, toPython.text, true)
      view.setUint32(out + 4, length, true)
      view.setUint32(out + 8, pointer, true)
      return
    }
    const view = new DataView(this.#exports.memory.buffer)
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 30) {
      view.setInt32(out, toPython.integer, true)
      view.setInt32(out + 4, value, true)
    } else {
      view.setInt32(out, toPython.double, true)
      view.setFloat64(out + 4, value, true)
    }
  }

  #store(reference: number, name: number, at: number): void {
    const view = new DataView(this.#exports.memory.buffer)
    const kind = view.getInt32(at, true)
    const pointer = view.getUint32(at + 8, true)
    const value =
      kind === fromPython.text
        ? this.#text(pointer, view.getUint32(at + 4, true))
        : kind === fromPython.int
          ? view.getInt32(at + 4, true)
          : kind === fromPython.bool
            ? view.getInt32(at + 4, true) !== 0
            : kind === fromPython.none
              ? null
              : undefined
    if (reference === 0) this.#options.port.write(this.#name(name), value)
  }

  /** What the program asks of its host. Whatever is left out ends the machine when it is called: there are no proxies. */
  #imports(module: WebAssembly.Module): WebAssembly.Imports {
    const { world, port, memoryBytes } = this.#options
    const startedAt = world.now()
    const files = new ReadOnlyFiles(this.#options.files)
    const known: Record<string, (...args: never[]) => unknown> = {
      mp_js_random_u32: () => world.random(),
      // What waits for time to pass asks again and again: it waits the less for each the more it asks.
      mp_js_ticks_ms: () => (Math.trunc(world.now() - startedAt) + (this.#ticks += this.#ticksAsked++)) >>> 0,
      mp_js_time_ms: () => world.now(),
      lookup_attr: (reference: number, name: number, out: number) => this.#lookUp(reference, name, out),
      store_attr: (reference: number, name: number, at: number) => this.#store(reference, name, at),
      has_attr: (reference: number, name: number) =>
        Number(reference === 0 && port.read(this.#name(name)) !== undefined),
      proxy_js_free_obj: () => undefined,
      js_check_existing: () => -1,
      __syscall_stat64: (path: number, out: number) => files.stat(this.#name(path), this.#view, out),
      __syscall_openat: (_: number, path: number, flags: number) => files.open(this.#name(path), flags),
      __syscall_getcwd: (buffer: number) => {
        this.#view.setUint16(buffer, slash, true)
        return 2
      },
      fd_read: (file: number, pieces: number, count: number, done: number) =>
        this.#pieces(pieces, count, done, (piece) => files.read(file, piece)),
      fd_write: (_: number, pieces: number, count: number, done: number) =>
        this.#pieces(pieces, count, done, (piece) => {
          port.print(this.#decoder.decode(piece))
          return piece.length
        }),
      fd_close: (file: number) => files.close(file),
      fd_sync: () => 0,
      emscripten_resize_heap: (wanted: number) => this.#grow(wanted >>> 0, memoryBytes),
      _abort_js: () => {
        throw new MachineStopped('the interpreter gave up')
      },
      _emscripten_throw_longjmp: () => {
        throw longJump
      },
      ...this.#invokes(),
    }
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    for (const { module: from, name } of WebAssembly.Module.imports(module))
      (imports[from] ??= {})[name] = (known[name] as WebAssembly.ImportValue | undefined) ?? otherwise(name)
    return imports
  }

  /** Calls within Python that it may jump out of. Those with few arguments take no list of them: that takes far longer. */
  #invokes(): Record<string, (...args: number[]) => unknown> {
    const functions: ((...args: number[]) => unknown)[] = []
    const at = (index: number) =>
      (functions[index] ??= this.#exports[functionTable].get(index) as (...args: number[]) => unknown)
    const save = () => this.#exports.emscripten_stack_get_current()
    const back = (thrown: unknown, stack: number): number => {
      if (thrown !== longJump) throw thrown
      this.#exports[restoreStack](stack)
      this.#exports.setThrew(1, 0)
      return 0
    }
    const byArity: ((...args: number[]) => unknown)[] = [
      (i = 0) => {
        const stack = save()
        try {
          return at(i)()
        } catch (thrown) {
          return back(thrown, stack)
        }
      },
      (i = 0, a = 0) => {
        const stack = save()
        try {
          return at(i)(a)
        } catch (thrown) {
          return back(thrown, stack)
        }
      },
      (i = 0, a = 0, b = 0) => {
        const stack = save()
        try {
          return at(i)(a, b)
        } catch (thrown) {
          return back(thrown, stack)
        }
      },
    ]
    const many = (i = 0, ...rest: number[]): unknown => {
      const stack = save()
      try {
        return at(i)(...rest)
      } catch (thrown) {
        return back(thrown, stack)
      }
    }
    const kinds = ['i', 'ii', 'iii', 'iiii', 'iiiii', 'iiiiii', 'v', 'vi', 'vii', 'viii', 'viiii']
    return Object.fromEntries(kinds.map((kind) => [`invoke_${kind}`, byArity[kind.length - 1] ?? many]))
  }

  get #view(): DataView {
    return new DataView(this.#exports.memory.buffer)
  }

  /** Reads or writes the pieces of memory that a call of WASI lists. */
  #pieces(list: number, count: number, done: number, each: (piece: Uint8Array) => number | undefined): number {
    const view = this.#view
    let total = 0
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(list + i * 8 + 4, true)
      const moved = each(new Uint8Array(view.buffer, view.getUint32(list + i * 8, true), length))
      if (moved === undefined) return notOpen
      total += moved
      if (moved < length) break
    }
    view.setUint32(done, total, true)
    return 0
  }

  #grow(wanted: number, limit: number): number {
    // Python would go on, and look through a full memory for every object that it makes.
    if (wanted > limit) throw new MachineStopped(`MemoryError: a call may take ${Math.round(limit / 2 ** 20)} MB`)
    const { memory } = this.#exports
    const roomy = Math.min(limit, Math.max(wanted, memory.buffer.byteLength * 1.5))
    try {
      memory.grow(Math.ceil((roomy - memory.buffer.byteLength) / pageBytes))
      return 1
    } catch {
      return 0
    }
  }
}

const otherwise = (name: string) => () => {
  if (name.startsWith('__syscall_')) return noSuchFile
  if (name.startsWith('fd_')) return notOpen
  throw new MachineStopped(`the interpreter asked for ${name}`)
}

import { reasonOf } from '../../core/errors.ts'
import type { Event } from '../../core/event.ts'
import type { MetadataOf, TransformFunctions } from '../../core/transform.ts'
import type { FetchAnswer, TransformGlobals } from '../globals.ts'
import { Machine, type Port } from './machine.ts'
import { type Answers, answersOf } from './answers.ts'
import { resultInOrder } from './key-order.ts'

/** A transform in Python, as the build makes it. */
export interface PythonProgram {
  /** Texts by path; `_transform.py` is the transform. */
  readonly files: Readonly<Record<string, string>>
  /** What tracebacks call these files. */
  readonly shown: Readonly<Record<string, string>>
}

/** An exception of Python. Its `stack` is Python's traceback. */
class PythonError extends Error {
  override readonly name = 'PythonError'
  constructor(traceback: string) {
    super(traceback.slice(traceback.lastIndexOf('\n') + 1))
    this.stack = traceback
  }
}

/** Bytes that a machine may take, and from which on a fresh one takes its place: what it holds is not known, nor how to free it. */
const memoryBytes = 48 * 1024 * 1024
const largeBytes = 32 * 1024 * 1024
const mostRequests = 100
/** Characters and lines of `log` that one call may write; more are left out. They lie outside of the machine. */
const mostLogged = { characters: 1_000_000, lines: 10_000 } as const
const requestMs = 10_000

/** An answer that Python waits for. */
type Answer = { readonly value: unknown } | { readonly error: string }

/** One call of the user's function: it runs again from the beginning for each answer that it waits for. */
interface Call {
  readonly function: string
  readonly input: string
  /** What that text is of. */
  readonly given: unknown
  readonly metadata: MetadataOf
  readonly now: number
  readonly seed: number
  readonly answers: Answer[]
}

/** What one run of a call left. */
interface Run {
  asked: number
  waits: Promise<Answer> | undefined
  output: string | undefined
  value: unknown
  error: string | undefined
  readonly lines: string[]
  /** Characters of them. */
  logged: number
}

/**
 * Makes the functions of a transform in Python.
 *
 * @param wasm MicroPython, compiled
 * @param program the user's code
 * @param globals what it may reach
 */
export function pythonFunctions(
  wasm: WebAssembly.Module,
  program: PythonProgram,
  globals: PythonGlobals,
): TransformFunctions {
  const python = new Python(wasm, program, globals)
  const { functions } = python.start()
  return {
    ...(functions.includes('transformEvent') ? { transformEvent: python.calls<Event>('transformEvent') } : {}),
    ...(functions.includes('transformBatch') ? { transformBatch: python.calls<Event[]>('transformBatch') } : {}),
  }
}

/** The part of the globals that Python has. */
export type PythonGlobals = Pick<TransformGlobals, 'log' | 'fetchV2' | 'geolocation' | 'getCredential'>

class Python {
  readonly #wasm: WebAssembly.Module
  readonly #program: PythonProgram
  readonly #globals: PythonGlobals
  #started: { readonly machine: Machine; readonly functions: readonly string[] } | undefined
  #call: Call | undefined
  #run: Run = freshRun()
  #result = ''
  #asked: unknown
  /** JSON of what the metadata that was asked for says of its event alone. */
  #own = '{}'
  readonly #asks: boolean

  constructor(wasm: WebAssembly.Module, program: PythonProgram, globals: PythonGlobals) {
    this.#wasm = wasm
    this.#program = program
    this.#globals = globals
    this.#answers = answersOf(globals)
    this.#asks = /\b(?:requests|geolocation)\b/.test(program.files['_transform.py'] ?? '')
  }

  /**
   * Starts an interpreter where there is none.
   *
   * @returns which functions the transform has
   * @throws {PythonError} where its top level raises
   */
  start(): { readonly machine: Machine; readonly functions: readonly string[] } {
    if (this.#started !== undefined) return this.#started
    const machine = new Machine(this.#wasm, {
      files: new Map(Object.entries(this.#program.files)),
      memoryBytes,
      port: this.#port(),
      world: {
        now: () => this.#call?.now ?? Date.now(),
        random: () => crypto.getRandomValues(new Uint32Array(1))[0] as number,
      },
    })
    this.#run = freshRun()
    machine.run('import _sluiceway as _s\n_s.start()\n_run = _s.run')
    const { error, waits, output = '' } = this.#run
    if (waits !== undefined)
      throw new PythonError('RuntimeError: a module can ask others only within its functions, not at its top level')
    if (error !== undefined) throw new PythonError(this.#shown(error))
    this.#started = { machine, functions: output.split(',') }
    return this.#started
  }

  /** @returns a function of the transform, as JavaScript calls it */
  calls<Given>(name: string): (given: Given, metadata: MetadataOf) => Given | Promise<Given> {
    return (given, metadata) => this.#begin(name, given, metadata) as Given
  }

  #begin(name: string, input: unknown, metadata: MetadataOf): unknown {
    return this.#continue({
      function: name,
      input: JSON.stringify(input),
      given: input,
      metadata,
      now: Date.now(),
      seed: Math.trunc(Math.random() * 2 ** 30),
      answers: [],
    })
  }

  #continue(call: Call): unknown {
    const { waits, value, error, lines } = this.#runOnce(call)
    if (waits !== undefined)
      return waits.then((answer) => {
        call.answers.push(answer)
        return this.#continue(call)
      })
    for (const line of lines) this.#globals.log(line)
    if (error !== undefined) throw new PythonError(this.#shown(error))
    return resultInOrder(value, call.given)
  }

  #runOnce(call: Call): Run {
    const { machine } = this.start()
    const run = freshRun()
    this.#call = call
    this.#run = run
    try {
      // What asks runs again and must see the same numbers; whatever never asked does not need them.
      machine.run(call.answers.length > 0 || this.#asks ? '_s.reseed()\n_run()' : '_run()')
      if (run.waits === undefined && run.error === undefined && !hasValue(run)) {
        machine.run('_s.again()')
        hasValue(run)
      }
    } catch (thrown) {
      this.#started = undefined
      throw thrown
    } finally {
      this.#call = undefined
      if (machine.bytes > largeBytes) this.#started = undefined
    }
    return run
  }

  /** Without our own frames, and with the paths that the user knows. */
  #shown(traceback: string): string {
    const lines = traceback
      .trim()
      .split('\n')
      .filter((line) => !/^ {2}File "(?:<stdin>|_sluiceway\.py)"/.test(line))
    const shown = lines.map((line) =>
      line.replace(
        /^( {2}File ")([^"]+)/,
        (_, before: string, file: string) => before + (this.#program.shown[file] ?? file),
      ),
    )
    const last = shown.length - 1
    // MicroPython writes no colon where there is no message.
    shown[last] = (shown[last] as string).replace(/:\s*$/, '')
    return shown.join('\n')
  }

  #port(): Port {
    return {
      read: (name) => {
        switch (name) {
          case 'input':
            return this.#call?.input
          case 'function':
            return this.#call?.function
          case 'seed':
            return this.#call?.seed
          case 'result':
            return this.#result
          // What Python asks for first.
          case 'shared': {
            const { shared, own } = parted(this.#call?.metadata({ messageId: this.#asked } as Event) ?? {})
            this.#own = own
            return shared
          }
          case 'metadata':
            return this.#own
        }
        return undefined
      },
      write: (name, value) => {
        switch (name) {
          case 'output':
            this.#run.output = String(value)
            break
          case 'error':
            this.#run.error = String(value)
            break
          case 'asked':
            this.#asked = value
            break
          case 'log':
            this.#note(String(value).replace(/^Log: ?/, ''))
            break
          case 'ask':
            this.#result = this.#answerNow(String(value))
            break
          case 'call':
            this.#result = this.#answerLater(String(value))
            break
        }
      },
      print: () => undefined,
    }
  }

  #note(line: string): void {
    const run = this.#run
    run.logged += line.length
    if (run.logged <= mostLogged.characters && run.lines.length < mostLogged.lines) run.lines.push(line)
  }

  #answerNow(text: string): string {
    try {
      const [kind, args] = JSON.parse(text) as [string, never]
      const value = Object.hasOwn(this.#answers, kind) ? this.#answers[kind]?.(args) : undefined
      return JSON.stringify({ value: value ?? null })
    } catch (thrown) {
      return JSON.stringify({ error: reasonOf(thrown), kind: 'value' })
    }
  }

  readonly #answers: Answers

  /** @returns `wait` where the answer is not there yet: the call runs again */
  #answerLater(text: string): string {
    const run = this.#run
    const known = this.#call?.answers[run.asked++]
    if (known !== undefined) return JSON.stringify(known)
    if (run.asked > mostRequests) return JSON.stringify({ error: `one call may ask ${mostRequests} times` })
    if (run.waits === undefined) {
      const [kind, args] = JSON.parse(text) as [string, never]
      run.waits = (kind === 'fetch' ? this.#fetch(args) : this.#globals.geolocation(args)).then(
        (value) => ({ value }),
        (thrown: unknown) => ({ error: reasonOf(thrown) }),
      )
    }
    return 'wait'
  }

  async #fetch({ method, url, headers, body, timeout }: AskedRequest): Promise<unknown> {
    const ms = timeout === null ? requestMs : Math.min(Math.max(timeout * 1000, 1), 60_000)
    const answer: FetchAnswer = await this.#globals.fetchV2(url, {
      method,
      headers,
      ...(body === null || method === 'GET' || method === 'HEAD' ? {} : { body }),
      signal: AbortSignal.timeout(ms),
    })
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    return { url: answer.url, status: answer.status, headers: answer.headers, text }
  }
}

interface AskedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** Seconds. */
  readonly timeout: number | null
}

/** Fields of metadata in which events of one request differ. */
const ownFields: ReadonlySet<string> = new Set(['messageId', 'eventType', 'eventName', 'rudderId'])

/** Parts metadata into JSON of what many events share, and of the rest. What is no text a program could change: it is not shared. */
function parted(metadata: object): { readonly shared: string; readonly own: string } {
  const shared: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(metadata))
    if (typeof value === 'string' && !ownFields.has(field)) shared[field] = value
    else own[field] = value
  return { shared: JSON.stringify(shared), own: JSON.stringify(own) }
}

const freshRun = (): Run => ({
  asked: 0,
  waits: undefined,
  output: undefined,
  value: undefined,
  error: undefined,
  lines: [],
  logged: 0,
})

/** Reads what Python gave back. @returns false where it is no JSON: MicroPython writes NaN, sets and objects that way */
function hasValue(run: Run): boolean {
  try {
    run.value = JSON.parse(run.output ?? 'null')
    return true
  } catch {
    return false
  }
}

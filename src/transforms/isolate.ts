import { env, exports } from 'cloudflare:workers'
import { Deadline } from '../core/deadline.ts'
import { mapStack, type Positions } from '../core/positions.ts'
import type { Transform, TransformAnswer, TransformBatch } from '../core/transform.ts'
import type { BuiltFile } from './inline.ts'
import type { FetchRules } from './guarded-fetch.ts'
import { type IsolateOptions, optionProblems } from './options.ts'
import { checkedAnswer } from './checked-answer.ts'
import { runHalves } from './halves.ts'
import { writeBatch } from './wire.ts'

/** What is loaded into an isolate. */
export interface IsolateCode {
  /** Digest of everything that is loaded. */
  readonly hash: string
  /** Modules by name: text is JavaScript. */
  readonly modules: Readonly<Record<string, WorkerLoaderModule | string>>
  /** Its default export is a WorkerEntrypoint whose `run` takes JSON of a `WireBatch` and gives that of a `WireAnswer`. */
  readonly main: string
  /** Where lines of a module come from, by the module's name. */
  readonly positions?: Readonly<Record<string, Positions>>
}

/** What an isolate is given as its `env`. */
export interface IsolateEnv {
  readonly credentials: Readonly<Record<string, string | undefined>>
  readonly rules: FetchRules
  /** True where lines of `log` are wanted. */
  readonly logs: boolean
}

/** What the Worker binds and exports for isolates. */
interface Platform {
  readonly ISOLATES?: WorkerLoader
}

interface Harness {
  /** Takes what `writeBatch` writes. */
  readonly run: (batch: string) => Promise<unknown>
}

const defaultCpuMs = 4_000
/** Beside what the code may take: for loading it. */
const loadingMs = 2_000
const compatibilityDate = '2026-10-01'

/**
 * Makes a transform that runs in an isolate.
 *
 * @param built what it is called, and which function it has
 * @param code what is loaded
 * @param options what it may reach; `logs` where the answer shall have lines of `log`
 */
export function isolate(
  { name, functions }: Pick<BuiltFile, 'name' | 'functions'>,
  code: IsolateCode,
  { logs = false, ...options }: IsolateOptions & { readonly logs?: boolean } = {},
): Transform {
  const live: IsolateEnv = {
    credentials: options.credentials ?? {},
    rules: {
      hosts: options.fetch ?? [],
      allowPrivate: options.allowPrivate === true,
      service: options.geolocation,
    },
    logs,
  }
  const cpuMs = options.cpuMs ?? defaultCpuMs
  const { ISOLATES } = env as Platform
  const problems = [
    ...optionProblems(options),
    ...(ISOLATES === undefined ? [`${name}.isolated needs ${whatToBind}`] : []),
  ]
  const ids = new Map<string, string>()
  const runOnce = async (batch: TransformBatch): Promise<TransformAnswer> => {
    // An isolate for each place, so that what one event leaves in a global is never seen by the events of another source.
    const place = placeOf(batch)
    const given: IsolateEnv = batch.test === undefined ? live : { ...live, logs: true }
    const id = ids.get(place) ?? `${name}:${await digest(JSON.stringify([code.hash, given, cpuMs, place]))}`
    // A test comes once.
    if (batch.test === undefined) ids.set(place, id)
    if (ISOLATES === undefined) throw new Error(problems.join('; '))
    const worker = ISOLATES.get(id, () => ({
      compatibilityDate,
      mainModule: code.main,
      modules: { ...code.modules },
      env: given,
      globalOutbound:
        given.rules.hosts.length === 0 && given.rules.service === undefined ? null : outbound(given.rules),
      limits: { cpuMs },
    }))
    const harness = worker.getEntrypoint() as unknown as Harness
    // The deadline of each event is kept in the isolate, where hostile code can reach it.
    const deadline = new Deadline(batch.userCodeMs + cpuMs + loadingMs, `the isolate of ${name}`)
    try {
      return checkedAnswer(await deadline.race(harness.run(writeBatch(batch))), batch.texts.length)
    } catch (thrown) {
      if (!deadline.isOver) throw thrown
      const { message } = thrown as Error
      return { events: [], dropped: [], failed: batch.texts.map((_, from) => ({ from, message, stack: message })) }
    } finally {
      deadline.end()
    }
  }
  const unavailable = (): never => {
    throw new Error(`${name}.isolated runs in batches: use runTransforms, or call ${name}.inline`)
  }
  return {
    name,
    problems,
    isIsolated: true,
    ...Object.fromEntries(functions.map((one) => [one, unavailable])),
    runBatch: async (batch) => shownAnswer(await runHalves(batch, runOnce, functions), code.positions),
  }
}

const whatToBind = 'the binding ISOLATES; add to wrangler.toml: [[worker_loaders]] binding = "ISOLATES"'

/** The test, or the destination, or else the source, whose events these are. */
const placeOf = ({ known: [first], test }: TransformBatch): string =>
  test !== undefined
    ? `test ${test}`
    : first?.destinationName === undefined
      ? `source ${first?.sourceName}`
      : `destination ${first.destinationName}`

/** The entrypoint of ours that lets through what is allowed. */
function outbound(rules: FetchRules): Fetcher {
  const { TransformFetch } = exports as unknown as {
    readonly TransformFetch?: (options: { readonly props: FetchRules }) => Fetcher
  }
  if (TransformFetch === undefined)
    throw new Error(
      'A transform with `fetch` needs the class TransformFetch among the exports of the Worker; see src/index.ts',
    )
  return TransformFetch({ props: rules })
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Shows stacks by the lines of the user's file. */
const shownAnswer = (answer: TransformAnswer, positions: IsolateCode['positions']): TransformAnswer =>
  positions === undefined || answer.failed.length === 0
    ? answer
    : { ...answer, failed: answer.failed.map((one) => ({ ...one, stack: mapStack(one.stack, positions) })) }

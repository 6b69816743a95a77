import { build } from 'esbuild'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response as Answer } from 'miniflare'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import type { Transform, TransformAnswer, TransformBatch } from '../../src/core/transform.ts'
import { optionProblems } from '../../src/transforms/options.ts'
import { sharedName, wasmFile } from '../build/python.ts'
import { type IsolatedCode, sharedByIsolates } from '../build/transforms.ts'
import type { MakeTransform } from './check-case.ts'

interface Options {
  /** The folder of our package.json. */
  readonly home: string
  /** Milliseconds that a case may take, beside what its code may: code that never ends is ended with its runtime. */
  readonly answerMs?: number
}

const defaultAnswerMs = 10_000

/** What stands for the network: gives the answer of a URL, or throws as `fetch` does. */
type Ask = (url: string) => Promise<Response>

interface Runtime {
  readonly miniflare: Miniflare
  /** Hashes of the code that it was given. */
  readonly known: Set<string>
}

/**
 * The runtime in which cases run isolated, as `#transforms/<name>` runs isolated in a deployment. It starts with the first case, and
 * is kept for others: a watch answers a save without another start.
 */
export class Isolates {
  readonly #home: string
  readonly #answerMs: number
  #runtime: Promise<Runtime> | undefined
  #cases = 0
  #ask: Ask = () => Promise.reject(new TypeError('no case is running'))

  constructor({ home, answerMs = defaultAnswerMs }: Options) {
    this.#home = home
    this.#answerMs = answerMs
  }

  /**
   * Gives the transform of a module as a case runs it: each in an isolate of its own.
   *
   * @param name of its file
   * @param code as the build makes it for an isolate
   */
  makeOf(name: string, code: IsolatedCode): MakeTransform {
    return ({ options = {}, responses = {} }, { ask, log }) => {
      const hosts = Object.keys(responses).flatMap((url) => (URL.canParse(url) ? new URL(url).hostname : []))
      const given = { fetch: [...new Set(hosts)], ...options }
      return this.#transform(name, { code, options: given, problems: optionProblems(options), ask, log })
    }
  }

  /** Ends the runtime. */
  async stop(): Promise<void> {
    const runtime = this.#runtime
    this.#runtime = undefined
    await (await runtime?.catch(() => undefined))?.miniflare.dispose()
  }

  #transform(
    name: string,
    {
      code,
      options,
      problems,
      ask,
      log,
    }: {
      readonly code: IsolatedCode
      readonly options: object
      readonly problems: readonly string[]
      readonly ask: Ask
      readonly log: (line: string) => void
    },
  ): Transform {
    const unavailable = (): never => {
      throw new Error(`${name} runs in batches`)
    }
    return {
      name,
      problems,
      isIsolated: true,
      ...Object.fromEntries(code.functions.map((one) => [one, unavailable])),
      runBatch: async (batch) => {
        this.#ask = ask
        const { logs = [], ...answer } = await this.#run({ name, code, options }, batch)
        for (const line of logs) log(line)
        return answer
      },
    }
  }

  async #run(
    { code, ...transform }: { readonly name: string; readonly code: IsolatedCode; readonly options: object },
    batch: TransformBatch,
  ): Promise<TransformAnswer> {
    const { miniflare, known } = await (this.#runtime ??= this.#start())
    const { hash, ...rest } = code
    const call = {
      ...transform,
      hash,
      ...(known.has(hash) ? {} : { code: rest }),
      batch: { ...batch, test: String(this.#cases++) },
    }
    const ms = batch.userCodeMs + this.#answerMs
    try {
      const answer = await miniflare.dispatchFetch('http://isolates.localhost/', {
        method: 'POST',
        body: JSON.stringify(call),
        signal: AbortSignal.timeout(ms),
      })
      const said = await answer.text()
      if (!answer.ok) throw new SluicewayError('bad_request', said)
      known.add(hash)
      return JSON.parse(said) as TransformAnswer
    } catch (thrown) {
      if (thrown instanceof SluicewayError) throw thrown
      // The local runtime enforces no CPU limit: it is ended with what runs in it.
      await this.stop()
      const didNotEnd = (thrown as Error).name === 'TimeoutError'
      throw new Error(didNotEnd ? `the isolate did not answer within ${ms} ms: does a loop end?` : reasonOf(thrown), {
        cause: thrown,
      })
    }
  }

  async #start(): Promise<Runtime> {
    const { harness, python, wasm } = await sharedByIsolates(this.#home)
    const { outputFiles } = await build({
      stdin: { contents: workerOf(this.#home, harness), resolveDir: this.#home },
      bundle: true,
      format: 'esm',
      write: false,
      outfile: join(this.#home, 'isolates.js'),
      conditions: ['workerd'],
      external: ['node:*', 'cloudflare:*', `./${sharedName}.js`],
      logLevel: 'silent',
    })
    const module = (path: string, contents: string) => ({ type: 'ESModule' as const, path, contents })
    const miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        workers: [
          {
            name: 'isolates',
            compatibilityDate: '2026-10-01',
            modules: [
              module('isolates.js', outputFiles[0]?.text ?? ''),
              module(`${sharedName}.js`, python),
              {
                type: 'CompiledWasm' as const,
                path: wasmFile,
                contents: new Uint8Array(readFileSync(wasm)),
              },
            ],
            workerLoaders: { ISOLATES: {} },
            outboundService: async ({ url }: { readonly url: string }) => {
              try {
                const answer = await this.#ask(url)
                return new Answer(await answer.text(), { headers: [...answer.headers] })
              } catch (thrown) {
                return new Answer(reasonOf(thrown), { headers: { [failedHeader]: '1' } })
              }
            },
          },
        ],
      }),
      enableDevRegistry: false,
      logRequests: false,
      cf: false,
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: () => undefined,
    })
    await miniflare.ready
    return { miniflare, known: new Set() }
  }
}

const failedHeader = 'x-case-failed'

/** The Worker in whose isolates cases run. */
const workerOf = (home: string, harness: string): string => `
  import { WorkerEntrypoint } from 'cloudflare:workers'
  import { guardedFetch } from ${JSON.stringify(join(home, 'src/transforms/guarded-fetch.ts'))}
  import { isolate } from ${JSON.stringify(join(home, 'src/transforms/isolate.ts'))}
  import { engine, library, wasm } from './${sharedName}.js'
  const harness = ${JSON.stringify(harness)}
  const python = { 'python.js': engine, 'micropython.wasm': { wasm }, 'library.js': { json: library } }
  const known = new Map()
  export class TransformFetch extends WorkerEntrypoint {
    fetch(request) {
      return guardedFetch(request, this.ctx.props, async (one) => {
        const answer = await fetch(one)
        if (answer.headers.has('${failedHeader}')) throw new TypeError(await answer.text())
        return answer
      })
    }
  }
  export default {
    async fetch(request) {
      const { name, hash, code, options, batch } = await request.json()
      if (code !== undefined) known.set(hash, code)
      const { functions, isPython, modules, positions } = known.get(hash)
      const all = { 'harness.js': harness, ...(isPython ? python : {}), ...modules }
      const made = isolate({ name, functions }, { hash, main: 'harness.js', modules: all, positions }, options)
      try {
        return Response.json(await made.runBatch(batch))
      } catch (thrown) {
        return new Response(thrown?.message ?? String(thrown), { status: 500 })
      }
    },
  }
`

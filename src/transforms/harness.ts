// What runs beside the code of a user in an isolate (the build makes a module of it). It shares nothing with the Worker: one text comes,
// and one goes.
import { env, WorkerEntrypoint } from 'cloudflare:workers'
import type { KnownMetadata, TransformFunctions } from '../core/transform.ts'
import { createGlobals } from './globals.ts'
import { guardedFetch } from './guarded-fetch.ts'
import type { IsolateEnv } from './isolate.ts'
import { errorOf, runStep } from './step.ts'
import { type WireBatch, writeAnswer } from './wire.ts'

const { credentials, rules, logs } = env as unknown as IsolateEnv
const platformFetch = globalThis.fetch
const lines: string[] = []
const { globals, learn } = createGlobals({
  // What is allowed is decided outside of the isolate; here it only gets a text that helps.
  send: (request) => guardedFetch(request, rules, (one) => platformFetch(one)),
  credentials,
  geolocation: rules.service,
  global: globalThis as unknown as Record<string, unknown>,
  say: logs ? (line) => lines.push(line) : undefined,
})
Object.assign(globalThis, globals)

/** Answers the Worker. */
export default class extends WorkerEntrypoint {
  async run(batch: string): Promise<string> {
    const { events: given, known, kinds, userCodeMs, mark } = JSON.parse(batch) as WireBatch
    try {
      loaded ??= await load()
    } catch (thrown) {
      const { message, stack } = errorOf(thrown, moduleName)
      return writeAnswer(
        { events: [], dropped: [] },
        { failed: given.map((_, from) => ({ from, message, stack })), ...said() },
      )
    }
    const items = given.map((event, i) => {
      learn(event)
      return { event, known: known[kinds?.[i] ?? 0] as KnownMetadata }
    })
    const result = await runStep(loaded, items, userCodeMs, mark)
    const failed = result.failed.map(({ from, error }) => ({
      from,
      message: error.message,
      stack: withoutOurs(error.stack),
    }))
    return writeAnswer(result, { failed, ...said() })
  }
}

/** Without the lines of this file, where the code of a user is not the one that threw: its result could not be written. */
const withoutOurs = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => !line.includes('harness.js:'))
    .join('\n')

const moduleName = 'user.js'
let loaded: TransformFunctions | undefined

/** Its top level runs with the globals in place, and what it throws is the user's. */
async function load(): Promise<TransformFunctions> {
  const functions = (await import(moduleName)) as TransformFunctions
  const found = names.filter((name) => name in functions)
  if (found.length !== 1) throw new Error(`Expected one of ${names.join(',')}. Found ${found.join(',') || 'none'}`)
  return functions
}

const names = ['transformEvent', 'transformBatch'] as const

const said = (): { readonly logs?: readonly string[] } => (logs ? { logs: lines.splice(0) } : {})

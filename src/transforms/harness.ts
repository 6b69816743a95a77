// What runs beside the code of a user in an isolate (the build makes a module of it). It shares nothing with the Worker: events come
// as text, and go as text.
import { env, WorkerEntrypoint } from 'cloudflare:workers'
import type { Event } from '../core/event.ts'
import type { TransformAnswer, TransformBatch, TransformFunctions } from '../core/transform.ts'
import { createGlobals } from './globals.ts'
import { guardedFetch } from './guarded-fetch.ts'
import type { IsolateEnv } from './isolate.ts'
import { errorOf, runStep } from './step.ts'

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
  async run({ texts, metadata, userCodeMs, mark }: TransformBatch): Promise<TransformAnswer> {
    let functions: TransformFunctions
    try {
      // Its top level runs with the globals in place, and what it throws is the user's.
      functions = (await import(moduleName)) as TransformFunctions
      const found = names.filter((name) => name in functions)
      if (found.length !== 1) throw new Error(`Expected one of ${names.join(',')}. Found ${found.join(',') || 'none'}`)
    } catch (thrown) {
      const { message, stack } = errorOf(thrown, moduleName)
      return { events: [], dropped: [], failed: texts.map((_, from) => ({ from, message, stack })), ...said() }
    }
    const items = texts.map((text, i) => {
      const event = JSON.parse(text) as Event
      learn(event)
      return { event, id: event.messageId, metadata: metadata[i] as (typeof metadata)[number] }
    })
    const { events, dropped, failed } = await runStep(functions, items, userCodeMs, mark)
    return {
      events: events.map(({ text, from }) => ({ text, from })),
      dropped,
      failed: failed.map(({ from, error: { message, stack } }) => ({ from, message, stack: withoutOurs(stack) })),
      ...said(),
    }
  }
}

/** Without the lines of this file, where the code of a user is not the one that threw: its result could not be written. */
const withoutOurs = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => !line.includes('harness.js:'))
    .join('\n')

const moduleName = 'user.js'
const names = ['transformEvent', 'transformBatch'] as const

const said = (): { readonly logs?: readonly string[] } => (logs ? { logs: lines.splice(0) } : {})

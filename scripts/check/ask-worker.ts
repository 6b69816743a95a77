import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import type { WorkerBuild } from '../build/worker.ts'
import type { Verdict } from './placeholders.ts'

/** A built Worker in the real runtime, that is asked what it thinks of its config. */
export interface AskedWorker {
  /** Evaluates the config with these values of `env`. */
  readonly judge: (vars: Readonly<Record<string, unknown>>) => Promise<Verdict & { readonly isAsked: boolean }>
  readonly stop: () => Promise<void>
}

/**
 * Stands before the Worker and hands it an `env` of its own, so that one start is enough for any number of evaluations: a Worker
 * whose config is not valid evaluates it anew each time. `summary` throws what is wrong with the config. An entry of a user's own
 * may not export it: then a preflight is asked, which is answered by nothing else than the config, and the log has the problems.
 */
const wrapper = `
import * as worker from './index.js'
export * from './index.js'
export default {
  async fetch(request, env, ctx) {
    const said = []
    const { error } = console
    console.error = (line) => said.push(String(line))
    try {
      const own = { ...env, ...(await request.json()) }
      if (typeof worker.summary?.fetch === 'function') {
        await worker.summary.fetch(new Request('https://check.localhost/'), own)
        return Response.json({ said, status: 200 })
      }
      if (typeof worker.default?.fetch !== 'function') return Response.json({ said })
      const preflight = new Request('https://check.localhost/v1/track', { method: 'OPTIONS' })
      const context = { waitUntil() {}, passThroughOnException() {}, exports: ctx.exports, props: {} }
      const response = await worker.default.fetch(preflight, own, context)
      return Response.json({ said, status: response.status, body: await response.text() })
    } catch (thrown) {
      return Response.json({ said, thrown: thrown?.code === 'config_invalid' ? thrown.message : String(thrown) })
    } finally {
      console.error = error
    }
  },
}
`

interface Answer {
  readonly said: readonly string[]
  readonly status?: number
  readonly body?: string
  readonly thrown?: string
}

/**
 * Starts a built Worker, with no state and no port.
 *
 * @param build as `buildWorker` made it
 * @throws {SluicewayError} config_invalid when its modules throw while they are loaded
 */
export async function askWorker(build: WorkerBuild): Promise<AskedWorker> {
  const { bindings: _, ...options } = build.options
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          ...options,
          name: 'sluiceway',
          modules: [
            { type: 'ESModule' as const, path: join(build.folder, 'check-wrapper.js'), contents: wrapper },
            ...build.modules.map((module) => ({ ...module })),
          ],
          bindings: {},
        },
      ],
    }),
    enableDevRegistry: false,
    logRequests: false,
    cf: false,
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: () => undefined,
  })
  try {
    await miniflare.ready
  } catch (thrown) {
    await miniflare.dispose().catch(() => undefined)
    throw startError(thrown)
  }
  return {
    judge: async (vars) => {
      const response = await miniflare.dispatchFetch('http://check.localhost/', {
        method: 'POST',
        body: JSON.stringify(vars),
      })
      return verdictOf((await response.json()) as Answer)
    },
    stop: () => miniflare.dispose(),
  }
}

function verdictOf({ said, status, body = '', thrown }: Answer): Verdict & { readonly isAsked: boolean } {
  if (status === undefined) return { message: thrown, isAsked: thrown !== undefined }
  if (status !== 503 || !body.includes('"config_invalid"')) return { message: undefined, isAsked: true }
  return { message: said.map(problemsIn).find((found) => found !== undefined) ?? body, isAsked: true }
}

/** The problems of the config in a line of the log. */
function problemsIn(line: string): string | undefined {
  try {
    const { problems } = JSON.parse(line) as { readonly problems?: readonly string[] }
    return Array.isArray(problems) ? problems.join('\n') : undefined
  } catch {
    return undefined
  }
}

/**
 * Makes an error of what a runtime says about modules that throw while they are loaded, with the places that it names.
 *
 * @param thrown by Miniflare
 * @returns config_invalid, or what was thrown where it is about something else
 */
export function startError(thrown: unknown): unknown {
  const text = stripVTControlCharacters(reasonOf(thrown)).replaceAll('\\n', '\n')
  const uncaught = /Uncaught (.+?)(?:\n|"|$)/m.exec(text)?.[1]
  if (uncaught === undefined) return thrown
  const places = [...text.matchAll(/^\s+at (?:.*\()?([^()\s]+:\d+:\d+)\)?/gm)]
    .slice(0, 6)
    .map(([, place]) => `\n    at ${place}`)
  return new SluicewayError('config_invalid', `The Worker does not start: ${uncaught}${places.join('')}`, {
    cause: thrown,
  })
}

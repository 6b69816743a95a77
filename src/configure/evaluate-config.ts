import type { ConfigOf, Vars } from '../core/config.ts'
import { reasonOf } from '../core/errors.ts'

/** What a config's function gave, or why it gave nothing. */
export type Evaluated = { readonly config: unknown } | { readonly problem: string }

/** Stands for a value, to see what a config says then. It is long enough for a token, and no URL. */
export const anything = 'a-value-that-stands-for-the-missing-one'

/** Names that are tried, to find the one without which a config throws. */
const mostTried = 40

/**
 * Evaluates the user's function.
 *
 * @param configOf the default export of the config's file: anything, where that is wrong
 * @param env the deployment's vars and secrets
 * @param unset takes the names that the config asks `env` for in vain
 */
export function evaluateConfig(configOf: unknown, env: Vars, unset: Set<string>): Evaluated {
  if (typeof configOf !== 'function')
    return {
      problem: 'config: its file must have "export default defineConfig((env) => ({ … }))", and has something else',
    }
  const evaluate = configOf as ConfigOf
  try {
    const config: unknown = evaluate(recordUnset(env, unset))
    // Nobody waits for what an async function gives: it is refused, whatever becomes of it.
    if (config instanceof Promise) config.catch(() => undefined)
    return { config }
  } catch (thrown) {
    const culprit = [...unset]
      .slice(0, mostTried)
      .find((name) => !throwsSo(evaluate, { ...env, [name]: anything }, thrown))
    const about = culprit === undefined ? '' : `\nenv.${culprit} is not set.`
    return { problem: `The config could not be evaluated: ${errorText(thrown)}${placesOf(thrown)}${about}` }
  }
}

function throwsSo(configOf: ConfigOf, env: Vars, before: unknown): boolean {
  try {
    configOf(env)
    return false
  } catch (thrown) {
    return errorText(thrown) === errorText(before) && placesOf(thrown) === placesOf(before)
  }
}

const errorText = (thrown: unknown): string =>
  thrown instanceof Error && thrown.name !== 'Error' && thrown.name !== 'SluicewayError'
    ? `${thrown.name}: ${thrown.message}`
    : reasonOf(thrown)

/** Where it was thrown, a line for each of the first calls, without the names in the bundle, which are short forms. */
function placesOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return ''
  return thrown.stack
    .split('\n')
    .flatMap((line) => /^\s+at (?:.*\()?([^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1] ?? [])
    .slice(0, 6)
    .map((place) => `\n    at ${place}`)
    .join('')
}

/** Hands `env` to a config and records what the config looks for in vain. */
const recordUnset = (env: Vars, unset: Set<string>): Vars =>
  new Proxy(env, {
    get(vars, name) {
      const value: unknown = Reflect.get(vars, name)
      if (typeof name === 'string' && (value === undefined || value === '')) unset.add(name)
      return value
    },
  })

import type { ConfigOf, Vars } from '../core/config.ts'
import { SluicewayError } from '../core/errors.ts'
import { anything } from './evaluate-config.ts'
import { resolveConfig } from './resolve-config.ts'

/**
 * Finds the values of `env` without which a config cannot work: what is optional has no part in its problems, though the config
 * asks for it in vain as well.
 *
 * @param configOf the config
 * @param env what it was evaluated with
 * @param error what `resolveConfig` threw for both
 * @returns names, in the order in which the config asks for them; of two that stand for each other, the first
 */
export function missingValues(configOf: ConfigOf, env: Vars, error: SluicewayError): string[] {
  let given = env
  let { problems } = detailsOf(error)
  const missing: string[] = []
  const asked = new Set(detailsOf(error).unset)
  // A config that got further asks for more; a set goes on to what is added meanwhile.
  for (const name of asked) {
    const tried = { ...given, [name]: anything }
    const left = tryConfig(configOf, tried)
    if (!problems.some((problem) => !left.problems.includes(problem))) continue
    missing.push(name)
    given = tried
    problems = left.problems
    for (const more of left.unset) asked.add(more)
  }
  return missing
}

function tryConfig(configOf: ConfigOf, env: Vars): Details {
  try {
    resolveConfig(configOf, env)
    return { problems: [], unset: [] }
  } catch (thrown) {
    if (thrown instanceof SluicewayError) return detailsOf(thrown)
    throw thrown
  }
}

interface Details {
  readonly problems: readonly string[]
  /** Names that the config asked `env` for in vain. */
  readonly unset: readonly string[]
}

/**
 * Reads the details of an error of `resolveConfig`.
 *
 * @param error an error with the code config_invalid
 * @returns its problems, and the names that the config asked `env` for in vain; both empty where it has none
 */
export function detailsOf({ details }: SluicewayError): Details {
  const { problems = [], unset = [] } = details as Partial<Details>
  return { problems, unset }
}

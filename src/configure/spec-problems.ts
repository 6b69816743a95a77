import { reasonOf } from '../core/errors.ts'
import type { Limits } from '../core/destination.ts'
import { isRecord } from '../core/json.ts'
import { members, numberIn, type Shape } from './shapes.ts'
import type { Field, Fields } from './settings.ts'

const types: Readonly<Record<Field['type'], true>> = {
  string: true,
  url: true,
  number: true,
  boolean: true,
  choice: true,
  headers: true,
  secrets: true,
  list: true,
  texts: true,
  numbers: true,
  json: true,
}

/** Members of a definition: functions that it must have, and those that it may have. */
interface Functions {
  readonly needed: readonly string[]
  readonly optional: readonly string[]
}

/**
 * Says what is wrong with the definition of a destination or a source: a deployment is bundled without looking at types.
 *
 * @param spec what `defineDestination` or `defineSource` was given
 * @param functions which it must and may have
 * @returns one sentence for each mistake
 */
export function specProblems(spec: unknown, { needed, optional }: Functions): string[] {
  if (!isRecord(spec)) return ['its definition must be an object']
  const { name, settings } = spec
  return [
    ...(typeof name === 'string' && name !== '' ? [] : ['its definition has no "name"']),
    ...(isRecord(settings) ? fieldProblems(settings as Fields) : ['its definition has no "settings"; {} is none']),
    ...needed
      .filter((one) => typeof spec[one] !== 'function')
      .map((one) => `its definition needs the function "${one}"`),
    ...optional
      .filter((one) => spec[one] !== undefined && typeof spec[one] !== 'function')
      .map((one) => `"${one}" of its definition must be a function`),
  ]
}

function fieldProblems(settings: Fields): string[] {
  return Object.entries(settings)
    .filter(([, field]) => !isRecord(field) || !Object.hasOwn(types, field.type))
    .map(
      ([name]) => `the setting "${name}" of its definition must have a "type": one of ${Object.keys(types).join(', ')}`,
    )
}

const limitShapes: { readonly [K in keyof Limits]: Shape } = {
  events: numberIn({ least: 1, most: 100_000, whole: true }),
  bytes: numberIn({ least: 1, most: 100_000_000 }),
  parallel: numberIn({ least: 1, most: 6, whole: true }),
  timeoutSeconds: numberIn({ least: 0, most: 600, above: true, of: 'seconds' }),
}
const limitsShape = members(limitShapes)

/**
 * Reads the limits of a destination, and says what is wrong with them.
 *
 * @param read gives them; it is the user's code
 * @returns those that are right, and one sentence for each that is wrong
 */
export function checkLimits(read: () => unknown): { readonly limits: Partial<Limits>; readonly problems: string[] } {
  const problems: string[] = []
  try {
    const limits = limitsShape(read() ?? {}, ({ path, problem, about }) =>
      problems.push(about === 'name' || path === '' ? `limits: ${problem}` : `"limits.${path}" ${problem}`),
    )
    const right = Object.entries((limits ?? {}) as Partial<Limits>).filter(([, limit]) => limit !== undefined)
    return { limits: Object.fromEntries(right), problems }
  } catch (thrown) {
    return { limits: {}, problems: [`its limits could not be read: ${reasonOf(thrown)}`] }
  }
}

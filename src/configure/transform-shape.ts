import { isRecord } from '../core/json.ts'
import { listOf, method, type Shape, text } from './shapes.ts'

const functions = ['transformEvent', 'transformBatch'] as const

const problemsOf = ({ problems }: Readonly<Record<string, unknown>>): readonly string[] =>
  Array.isArray(problems) ? problems.filter((one) => typeof one === 'string') : []

/** The module of a transform: exactly one function of a known name. What else it exports is its own. */
const transformShape: Shape = (value, report) => {
  const wrong = (problem: string, path = '') => report({ path, problem, about: 'value' })
  // What the build makes is a function, too, that takes options.
  const isBuilt = typeof value === 'function' && functions.some((name) => name in value)
  if (!isRecord(value) && !isBuilt) {
    wrong(
      typeof value === 'function'
        ? 'must be the module, not the function: import * as myTransform from "./transforms/my-transform.ts"; a ready-made one with settings is called with them'
        : 'must be a transform: a module that exports transformEvent or transformBatch',
    )
    return undefined
  }
  const module = value as Readonly<Record<string, unknown>>
  const there = functions.filter((name) => name in module)
  if (there.length === 0 && 'inline' in module && 'isolated' in module) {
    const { name } = module['inline'] as { readonly name?: unknown }
    wrong(
      `is the module "#transforms/${String(name)}", which has two transforms: write .inline, or .isolated, behind its name`,
    )
    return undefined
  }
  if (there.length !== 1) {
    wrong(`exports exactly one of ${functions.join(' and ')}, found ${there.join(' and ') || 'neither'}`)
    return undefined
  }
  let isRight = true
  const below = (path: string) => (finding: { readonly problem: string }) => {
    isRight = false
    wrong(finding.problem, path)
  }
  for (const name of there) method(module[name], below(name))
  if (module['name'] !== undefined) text(module['name'], below('name'))
  // Of one that was made with settings; a module may export whatever it likes.
  for (const problem of problemsOf(module)) {
    isRight = false
    wrong(`${String(module['name'])}: ${problem}`)
  }
  return isRight ? value : undefined
}

/**
 * Isolates that a Durable Object may have calls to at once (https://developers.cloudflare.com/dynamic-workers/platform/limits/,
 * checked 2026-11-28). Deliveries of a lane overlap; a request runs its transforms one after the other.
 */
const mostIsolated = 10

const list = listOf(transformShape)

/** The transforms of a source, a destination or a warehouse. */
export const transformsShape: Shape = (value, report) => {
  const isolated = Array.isArray(value) ? value.filter((one) => Object(one).isIsolated === true).length : 0
  if (isolated > mostIsolated)
    report({
      path: '',
      problem: `has ${isolated} isolated transforms; the platform takes ${mostIsolated} at one place: put several into one file, or run some inline`,
      about: 'value',
    })
  return list(value, report)
}

import { isRecord } from '../core/json.ts'
import { method, type Shape, text } from './shapes.ts'

const functions = ['transformEvent', 'transformBatch'] as const

/** The module of a transform: exactly one function of a known name. What else it exports is its own. */
export const transformShape: Shape = (value, report) => {
  const wrong = (problem: string, path = '') => report({ path, problem, about: 'value' })
  if (!isRecord(value)) {
    wrong(
      typeof value === 'function'
        ? 'must be the module, not the function: import * as myTransform from "./transforms/my-transform.ts"'
        : 'must be a transform: a module that exports transformEvent or transformBatch',
    )
    return undefined
  }
  const there = functions.filter((name) => name in value)
  if (there.length !== 1) {
    wrong(`exports exactly one of ${functions.join(' and ')}, found ${there.join(' and ') || 'neither'}`)
    return undefined
  }
  let isRight = true
  const below = (path: string) => (finding: { readonly problem: string }) => {
    isRight = false
    wrong(finding.problem, path)
  }
  for (const name of there) method(value[name], below(name))
  if (value['name'] !== undefined) text(value['name'], below('name'))
  return isRight ? value : undefined
}

import type { Event, Json } from './event.ts'
import { isRecord } from './json.ts'
import { makeTemplate, templateProblem } from './template.ts'

/** Makes a value of an event; undefined where the event has nothing for it. */
export type Mapping = (event: Event) => unknown

/** A step of a path: the name of a member, the place of an element, or every element. */
type Step = string | number | '*'

const isPath = (text: string): boolean => /^\$(?:$|[.[])/.test(text)
const step = /\.([\w$-]+)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\]/y
/** Deeper than JSON that somebody writes by hand. */
const deepest = 32

/**
 * Says what is wrong with the shape of a mapping.
 *
 * @param shape as the settings have it
 * @returns a part of a sentence, or undefined
 */
export function mappingProblem(shape: Json, depth = 0): string | undefined {
  if (depth > deepest) return `has more than ${deepest} levels`
  if (typeof shape === 'string') {
    if (!isPath(shape)) return shape.startsWith('$$') ? undefined : templateProblem(shape)
    const wrong = shape.split('||').find((one) => stepsOf(one.trim()) === undefined)
    return wrong === undefined
      ? undefined
      : `has "${wrong.trim()}", which is no path such as $.properties.products[0].price`
  }
  if (typeof shape !== 'object' || shape === null) return undefined
  for (const one of Object.values(shape)) {
    const problem = mappingProblem(one as Json, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * Makes a mapping of the shape that a body shall have.
 *
 * In a shape, `$.traits.email` stands for what an event has there, in the manner of JSONPath: `.name`, `['a name']`, `[0]`, and
 * `[*]` for every element, which gives a list. `$` is the event. Of `$.a || $.b`, the first counts that has a value. A text with
 * `${userId}` in it is a template (see `makeTemplate`). `$$` at the beginning stands for one `$`. All else stands for itself.
 * Members and elements for which the event has nothing are left out.
 *
 * @param shape any JSON; checked by `mappingProblem`
 * @param clean changes texts that come from the event, as where an API would read them as markup
 * @returns a function that gives the body of an event
 */
export function makeMapping(shape: Json, clean?: (part: string) => string): Mapping {
  if (typeof shape === 'string') return textMapping(shape, clean)
  if (Array.isArray(shape)) {
    const parts = (shape as readonly Json[]).map((one) => makeMapping(one, clean))
    return (event) => parts.map((part) => part(event)).filter((one) => one !== undefined)
  }
  if (typeof shape !== 'object' || shape === null) return () => shape
  const parts = Object.entries(shape).map(([name, one]) => [name, makeMapping(one as Json, clean)] as const)
  return (event) =>
    Object.fromEntries(parts.map(([name, part]) => [name, part(event)]).filter(([, one]) => one !== undefined))
}

function textMapping(text: string, clean: (part: string) => string = (part) => part): Mapping {
  if (text.startsWith('$$')) return () => text.slice(1)
  if (!isPath(text)) return makeTemplate(text, clean)
  const paths = text.split('||').map((one) => stepsOf(one.trim()) ?? [])
  return (event) => {
    for (const path of paths) {
      const value = follow(event, path)
      if (value !== undefined && value !== null && value !== '') return typeof value === 'string' ? clean(value) : value
    }
    return undefined
  }
}

function stepsOf(path: string): Step[] | undefined {
  if (!path.startsWith('$')) return undefined
  const steps: Step[] = []
  for (let at = 1; at < path.length; at = step.lastIndex) {
    step.lastIndex = at
    const [, name, place, every, quoted, double] = step.exec(path) ?? []
    const found = name ?? every ?? quoted ?? double
    if (found !== undefined) steps.push(found)
    else if (place !== undefined) steps.push(Number(place))
    else return undefined
  }
  return steps
}

function follow(value: unknown, steps: readonly Step[]): unknown {
  const [first, ...rest] = steps
  if (first === undefined) return value
  if (Array.isArray(value)) {
    if (typeof first === 'number') return follow(value[first], rest)
    if (first !== '*') return undefined
    return value.map((one: unknown) => follow(one, rest)).filter((one) => one !== undefined)
  }
  return isRecord(value) && Object.hasOwn(value, first) ? follow(value[first], rest) : undefined
}

/**
 * Gives the first value that an event has at one of some dotted paths.
 *
 * @param event or any part of one
 * @param paths such as `context.traits.email`, in the order in which they count
 * @returns undefined where all of them have nothing, null or empty text
 */
export function valueAt(event: unknown, ...paths: readonly string[]): unknown {
  for (const path of paths) {
    let value: unknown = event
    for (const key of path.split('.')) value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined
    if (value !== undefined && value !== null && value !== '') return value
  }
  return undefined
}

import { isRecord } from '../core/json.ts'
import { unknownName, similarName } from './similar-name.ts'

/** Something that is wrong with a value, and where. */
export interface Finding {
  /** Below the value that is checked: `consent[0].provider`; empty for that value itself. */
  readonly path: string
  /** Goes on after the place: "must be text"; for a name, it begins with the name. */
  readonly problem: string
  /** A value that is wrong, or a name in an object that means nothing. */
  readonly about: 'value' | 'name'
}

/** Takes what is wrong. */
export type Report = (finding: Finding) => void

/**
 * Checks a value, and gives it back without all that is wrong, so that what is right can be checked further. Undefined is what
 * remains of a value that is wrong as a whole.
 */
export type Shape = (value: unknown, report: Report) => unknown

const wrong = (problem: string): Finding => ({ path: '', problem, about: 'value' })

/**
 * Makes a shape of a question.
 *
 * @param problem what the value must be: "text"
 * @param isRight tells whether it is
 * @param type of what is right, where a value of that type may be wrong as well: it is not told what type it has
 */
export const must =
  (problem: string, isRight: (value: unknown) => boolean, type?: 'string'): Shape =>
  (value, report) => {
    if (isRight(value)) return value
    report(wrong(`must be ${problem}${typeof value === type ? '' : butIs(value)}`))
    return undefined
  }

/** Says what a value is instead, never with the value in it: it may be a secret. */
export const butIs = (value: unknown): string => (value === undefined ? '' : `, not ${kindOf(value)}`)

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (Number.isNaN(value)) return 'NaN: what it is made of is no number, or is not set'
  if (typeof value === 'string') return value === '' ? 'empty text' : 'text'
  if (typeof value === 'boolean') return `${value}`
  if (isRecord(value)) return typeof value['then'] === 'function' ? 'a promise' : 'an object'
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}

/** Text. */
export const text = must('text', (value) => typeof value === 'string')
/** True or false. */
export const boolean = must('true or false', (value) => typeof value === 'boolean')
/** A function. */
export const method = must('a function', (value) => typeof value === 'function')

/** Which numbers are right. */
export interface Range {
  readonly least: number
  readonly most: number
  /** True where `least` itself is too little. */
  readonly above?: true
  readonly whole?: true
  /** What it counts: "days". */
  readonly of?: string
}

/** Makes a shape for numbers: nothing that is no number, not finite, or out of range. */
export function numberIn({ least, most, above, whole, of }: Range): Shape {
  const kind = `a ${whole === true ? 'whole ' : ''}number${of === undefined ? '' : ` of ${of}`}`
  const range =
    above === true
      ? `above ${written(least)} and at most ${written(most)}`
      : `from ${written(least)} to ${written(most)}`
  const isRight = (value: unknown): boolean =>
    typeof value === 'number' &&
    (above === true ? value > least : value >= least) &&
    value <= most &&
    (whole !== true || Number.isInteger(value))
  return (value, report) => {
    if (isRight(value)) return value
    const isOther = typeof value !== 'number' || Number.isNaN(value)
    report(wrong(`must be ${kind} ${range}${isOther ? butIs(value) : ''}`))
    return undefined
  }
}

const written = (number: number): string => number.toLocaleString('en-US')

/** Makes a shape for one of some words. */
export const oneOf = (words: readonly string[]): Shape =>
  must(`one of ${words.join(', ')}`, (value) => typeof value === 'string' && words.includes(value), 'string')

/** Makes a shape for lists of which each member has a shape. */
export const listOf =
  (shape: Shape): Shape =>
  (value, report) => {
    if (!Array.isArray(value)) {
      report(wrong(`must be a list${butIs(value)}`))
      return undefined
    }
    const right: unknown[] = []
    for (const [i, one] of value.entries()) {
      const found = shape(one, ({ path, ...rest }) =>
        report({ ...rest, path: `[${i}]${path === '' || path.startsWith('[') ? path : `.${path}`}` }),
      )
      if (found !== undefined) right.push(found)
    }
    return right
  }

/** What takes the place of members that are missing or wrong. */
export type StandIns = Readonly<Record<string, () => unknown>>

/**
 * Makes a shape for objects with members of known names.
 *
 * @param shapes by the names of the members, which may be left out
 * @param options `needed`, the members that may not, with their stand-ins; `standIns` of members that may
 */
export const members =
  (
    shapes: Readonly<Record<string, Shape>>,
    options: { readonly needed?: StandIns; readonly standIns?: StandIns } = {},
  ): Shape =>
  (value, report) => {
    if (!isRecord(value)) {
      report(wrong(`must be an object${butIs(value)}`))
      return undefined
    }
    const { needed = {}, standIns = {} } = options
    const known = Object.keys(shapes)
    const meant = new Set<string | undefined>()
    for (const name of Object.keys(value))
      if (!Object.hasOwn(shapes, name)) {
        meant.add(similarName(name, known))
        report({ path: '', problem: unknownName(name, known), about: 'name' })
      }
    const right: Record<string, unknown> = {}
    for (const [name, shape] of Object.entries(shapes)) {
      const given = value[name]
      const isNeeded = Object.hasOwn(needed, name)
      // What is missing under its name is there under the name that was meant to be it.
      if (given !== undefined || (isNeeded && !meant.has(name)))
        right[name] = shape(given, reportBelow(name, given, report))
      else if (Object.hasOwn(value, name)) right[name] = undefined
      const standIn = isNeeded ? needed[name] : given === undefined ? undefined : standIns[name]
      if (right[name] === undefined && standIn !== undefined) right[name] = standIn()
    }
    return right
  }

const reportBelow =
  (name: string, given: unknown, report: Report): Report =>
  ({ path, problem, about }) =>
    report({
      path: path === '' || path.startsWith('[') ? `${name}${path}` : `${name}.${path}`,
      problem: given === undefined && path === '' ? `is missing: it ${problem}` : problem,
      about,
    })

/**
 * Makes a shape for what may be written in short.
 *
 * @param short the shape of what is no object
 * @param long the shape of objects
 */
export const either =
  (short: Shape, long: Shape): Shape =>
  (value, report) =>
    (isRecord(value) ? long : short)(value, report)

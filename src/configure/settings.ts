import type { Secrets } from '../core/destination.ts'
import type { Json } from '../core/event.ts'
import { isBlank, isRecord } from '../core/json.ts'
import { credentialsInHeaders, credentialsInUrl } from './credentials.ts'
import { addAllowPrivate, type AllowPrivate } from './private-hosts.ts'
import { hostProblem } from './public-host.ts'
import { butIs } from './shapes.ts'
import { unknownName } from './similar-name.ts'

/** One setting of a destination or driver, declared once: type, check, console form, redaction and docs come from it. */
export interface Field {
  /**
   * `headers` are names and values of HTTP headers; their values are always masked. `secrets` are one text or several, of which
   * any counts, so that one can be rotated: the code gets a list of at least one. `list` is at least one text; `texts` and
   * `numbers` are an object with at least one member, each of which is a text or a number. `json` is any JSON; where it is shown,
   * texts without an expression are masked, since they may be keys.
   */
  readonly type:
    | 'string'
    | 'url'
    | 'number'
    | 'boolean'
    | 'choice'
    | 'headers'
    | 'secrets'
    | 'list'
    | 'texts'
    | 'numbers'
    | 'json'
  /** One sentence for the docs and the console form. */
  readonly about: string
  readonly secret?: true
  readonly optional?: true
  readonly default?: string | number | boolean
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** For `number`: true where a fraction means nothing. */
  readonly whole?: true
  /** The reason of `min` and `max`, for whoever is told that a value is out of range. */
  readonly why?: string
  /**
   * For `url`: names the boolean setting that allows http and hosts that are not public. Where no `url` names one, there is
   * `allowPrivate` without being declared.
   */
  readonly insecureWhen?: string
  /** A sentence about what is wrong with a value that has the right type, or undefined. */
  readonly check?: (value: never) => string | undefined
}

/** The settings of a destination, source or driver, by their names. */
export type Fields = Readonly<Record<string, Field>>

/** What the code gets of a type; text where it is not here. */
interface ValueOf {
  readonly number: number
  readonly boolean: boolean
  readonly headers: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly list: readonly string[]
  readonly texts: Readonly<Record<string, string>>
  readonly numbers: Readonly<Record<string, number>>
  readonly json: Json
}

type FieldValue<F extends Field> = F['type'] extends keyof ValueOf
  ? ValueOf[F['type']]
  : F extends { readonly choices: readonly (infer C)[] }
    ? C
    : string

type Written<F extends Field> = F['type'] extends 'headers'
  ? Readonly<Record<string, string | undefined>>
  : F['type'] extends 'secrets'
    ? string | readonly (string | undefined)[]
    : FieldValue<F>

type Given<F extends Fields> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } | { readonly default: unknown } ? K : never]?:
    | Written<F[K]>
    | undefined
} & {
  readonly [K in keyof F as F[K] extends { readonly optional: true } | { readonly default: unknown } ? never : K]:
    | Written<F[K]>
    | undefined
}

/** What a user writes: settings without default are required, though an `env` value may turn out to be missing. */
export type Input<F extends Fields> = Given<F> & AllowPrivate<F>

/** What the code gets, checked and with defaults filled in. */
export type Settings<F extends Fields> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: FieldValue<F[K]>
} & { readonly [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: FieldValue<F[K]> }

/** Checks settings against their declaration. */
export interface Checked<F extends Fields> {
  readonly settings: Settings<F>
  /** One sentence for each thing that is wrong; never with a secret in it. */
  readonly problems: readonly string[]
  /** The settings with secrets masked. */
  readonly redacted: Readonly<Record<string, unknown>>
  readonly secrets: Secrets
}

/**
 * Checks `input` against `declared` and fills in defaults.
 *
 * @param declared the declaration
 * Blanks around text are no part of it: shells and files leave a newline behind a secret.
 *
 * @param input what the user wrote; unknown names are problems
 * @returns the settings, what is wrong with them, and a copy without secrets
 */
export function checkSettings<F extends Fields>(declared: F, input: Input<F>): Checked<F> {
  const fields = addAllowPrivate(declared)
  const settings: Record<string, unknown> = {}
  const redacted: Record<string, unknown> = {}
  const problems: string[] = []
  const texts: string[] = []
  const headers: string[] = []
  if (!isRecord(input)) problems.push('the settings must be an object')
  const given: Readonly<Record<string, unknown>> = isRecord(input) ? input : {}
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) problems.push(unknownName(name, Object.keys(fields)))
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = field.type === 'secrets' ? secretsIn(given[name]) : (trimmed(field, given[name]) ?? field.default)
    if (value === undefined || value === '') {
      if (field.optional !== true) problems.push(`"${name}" is missing: ${field.about}`)
      else if (isSecret(field) && Object.hasOwn(given, name)) problems.push(`"${name}" ${unsetSecret}`)
      continue
    }
    const problem = problemOf(field, value, given)
    if (problem === undefined) settings[name] = value
    else problems.push(`"${name}" ${problem}`)
    redacted[name] = maskOf(field, value)
    if (isSecret(field)) texts.push(...textsIn(value))
    if (field.type === 'json') texts.push(...keysIn(value))
    if (field.type === 'url') texts.push(...credentialsInUrl(value))
    if (field.type === 'headers' && isRecord(value)) {
      headers.push(...Object.keys(value).map((one) => one.toLowerCase()))
      texts.push(...credentialsInHeaders(value))
    }
  }
  return { settings: settings as Settings<F>, problems, redacted, secrets: { texts, headers } }
}

/** The texts of a value: itself, the members of a list, the values of an object. */
const textsIn = (value: unknown): string[] =>
  [isRecord(value) ? Object.values(value) : value].flat().filter((one) => typeof one === 'string')

/** Constants of JSON that look like keys: an API may want its key in the body, under any name. */
const keysIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value].filter((one) => /^\S{16,}$/.test(one) && !isExpression(one))
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(keysIn)
      : []

const isExpression = (text: string): boolean => /^\$[.[]|^\$$|\$\{/.test(text)

const isSecret = ({ secret, type }: Field): boolean => secret === true || type === 'secrets'

/** A secret may be left out; one that is named was meant to be there, and nobody notices what goes on without it. */
const unsetSecret = 'has no value, so that nothing would be signed or verified with it; set it in env, or leave it out'

/** In JSON, blanks may be meant. */
const trimmed = ({ type }: Field, value: unknown): unknown => (type === 'json' ? value : trimValue(value))

/** Takes blanks from around text, and from around the members of a list and the values of an object. */
function trimValue(value: unknown): unknown {
  if (typeof value === 'string') return value.trim()
  if (Array.isArray(value)) return value.map(trimValue)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, typeof one === 'string' ? one.trim() : one]))
    : value
}

/**
 * The secrets that a setting names, without the blanks around them.
 *
 * @param given a text or a list; members without a value are passed over, since the next secret may not be there yet
 * @returns undefined when there is none
 */
export function secretsIn(given: unknown): readonly unknown[] | undefined {
  const secrets = [given]
    .flat()
    .map((one) => (typeof one === 'string' ? one.trim() : (one as unknown)))
    .filter((one) => !isBlank(one))
  return secrets.length === 0 ? undefined : secrets
}

function maskOf(field: Field, value: unknown): unknown {
  if (field.type === 'headers' && typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.keys(value).map((name) => [name, '***']))
  if (field.secret === true) return '***'
  return field.type === 'json' ? maskJson(value) : value
}

/** Expressions are shown, constants are not: an API may want its key in the body. */
function maskJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskJson)
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, maskJson(one)]))
  return typeof value === 'string' && !isExpression(value) ? '***' : value
}

function problemOf(field: Field, value: unknown, given: Readonly<Record<string, unknown>>): string | undefined {
  const problem = typeProblem(field, value)
  if (problem !== undefined) return problem
  if (field.type === 'url') {
    const { insecureWhen } = field
    const unsafe = insecureWhen !== undefined && given[insecureWhen] === true ? undefined : urlProblem(value as string)
    if (unsafe !== undefined)
      return insecureWhen === undefined ? unsafe : `${unsafe} (unless "${insecureWhen}" is true, for tests)`
  }
  return [field.type === 'secrets' ? value : [value]]
    .flat()
    .map((one) => field.check?.(one as never))
    .find((found) => found !== undefined)
}

function typeProblem(field: Field, value: unknown): string | undefined {
  switch (field.type) {
    case 'number':
      return numberProblem(field, value)
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'choice':
      return typeof value === 'string' && (field.choices ?? []).includes(value)
        ? undefined
        : `must be one of ${(field.choices ?? []).join(', ')}`
    case 'headers':
      return headersProblem(value)
    case 'list':
      return listProblem(value)
    case 'texts':
      return membersProblem(value, 'text', (one) => typeof one === 'string' && one !== '')
    case 'numbers':
      return membersProblem(value, 'a number', Number.isFinite)
    case 'json':
      return jsonProblem(value, 0)
    case 'secrets':
      return Array.isArray(value) && value.every((one) => typeof one === 'string')
        ? undefined
        : 'must be text, or a list of texts'
    case 'url':
    case 'string':
      if (typeof value !== 'string') return 'must be text'
      return field.type === 'url' ? urlSyntaxProblem(value) : undefined
  }
}

function numberProblem({ min, max, whole, why }: Field, value: unknown): string | undefined {
  const kind = `must be a ${whole === true ? 'whole ' : ''}number`
  const because = why === undefined ? '' : `: ${why}`
  if (typeof value !== 'number' || !Number.isFinite(value)) return `${kind}${butIs(value)}`
  const isWithin = (min === undefined || value >= min) && (max === undefined || value <= max)
  if (isWithin && (whole !== true || Number.isInteger(value))) return undefined
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}${because}`
  if (min !== undefined) return `${kind}, at least ${min}${because}`
  return max === undefined ? kind : `${kind}, at most ${max}${because}`
}

function listProblem(value: unknown): string | undefined {
  if (!Array.isArray(value)) return `must be a list of texts${butIs(value)}`
  if (value.length === 0) return 'must not be an empty list'
  return value.every((one) => typeof one === 'string' && one !== '') ? undefined : 'must hold nothing but texts'
}

function membersProblem(value: unknown, kind: string, isRight: (one: unknown) => boolean): string | undefined {
  if (!isRecord(value)) return `must be an object, each of whose members is ${kind}${butIs(value)}`
  const names = Object.keys(value)
  if (names.length === 0) return 'must not be an empty object'
  const wrong = names.find((name) => !isRight(value[name]))
  return wrong === undefined ? undefined : `must give "${wrong}" ${kind}`
}

/** JSON that is nested deeper than this is a mistake, such as an object that holds itself. */
const deepestJson = 32

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (depth > deepestJson) return `must be JSON of at most ${deepestJson} levels`
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
    return undefined
  if (value === undefined) return 'has a member without a value'
  if (!Array.isArray(value) && !isRecord(value)) return `must be JSON${butIs(value)}`
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined) return `has no value for "${name}"`
    const problem = jsonProblem(one, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function urlSyntaxProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'must be an http(s) URL'
  return url.username === '' && url.password === '' ? undefined : 'must not hold a user or password'
}

/** Names are tokens, values hold no control characters (RFC 9110 §5.5, §5.6.2). */
function headersProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'must be an object of header names and values'
  for (const [name, text] of Object.entries(value)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return `has "${name}", which is no name of a header`
    if (text === undefined || text === '') return `has no value for "${name}"`
    if (typeof text !== 'string' || !/^[\t\x20-\x7e]+$/.test(text))
      return `must give "${name}" a text of printable ASCII characters`
  }
  return undefined
}

function urlProblem(text: string): string | undefined {
  const { protocol, hostname } = new URL(text)
  if (protocol !== 'https:') return 'must begin with https:'
  const problem = hostProblem(hostname)
  return problem === undefined ? undefined : `must name a public host: ${problem}`
}

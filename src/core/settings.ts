/** One setting of a destination or driver, declared once: type, check, console form, redaction and docs come from it. */
export interface Field {
  readonly type: 'string' | 'url' | 'number' | 'boolean' | 'choice'
  /** One sentence for the docs and the console form. */
  readonly about: string
  readonly secret?: true
  readonly optional?: true
  readonly default?: string | number | boolean
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** For `url`: whether http, and hosts that are not public, are allowed. Only for values that the developer writes. */
  readonly insecure?: true
  /** A sentence about what is wrong with a value that has the right type, or undefined. */
  readonly check?: (value: never) => string | undefined
}

export type Fields = Readonly<Record<string, Field>>

type Value<F extends Field> = F['type'] extends 'number'
  ? number
  : F['type'] extends 'boolean'
    ? boolean
    : F extends { readonly choices: readonly (infer C)[] }
      ? C
      : string

type Given<F extends Fields> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } | { readonly default: unknown } ? K : never]?:
    | Value<F[K]>
    | undefined
} & {
  readonly [K in keyof F as F[K] extends { readonly optional: true } | { readonly default: unknown } ? never : K]:
    | Value<F[K]>
    | undefined
}

/** What a user writes: settings without default are required, though an `env` value may turn out to be missing. */
export type Input<F extends Fields> = Given<F>

/** What the code gets, checked and with defaults filled in. */
export type Settings<F extends Fields> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: Value<F[K]>
} & { readonly [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: Value<F[K]> }

/** Checks settings against their declaration. */
export interface Checked<F extends Fields> {
  readonly settings: Settings<F>
  /** One sentence for each thing that is wrong; never with a secret in it. */
  readonly problems: readonly string[]
  /** The settings with secrets masked. */
  readonly redacted: Readonly<Record<string, unknown>>
}

/**
 * Checks `input` against `fields` and fills in defaults.
 *
 * @param fields the declaration
 * @param input what the user wrote; unknown names are problems
 * @returns the settings, what is wrong with them, and a copy without secrets
 */
export function checkSettings<F extends Fields>(fields: F, input: Input<F>): Checked<F> {
  const given = input as Readonly<Record<string, unknown>>
  const settings: Record<string, unknown> = {}
  const redacted: Record<string, unknown> = {}
  const problems: string[] = []
  for (const name of Object.keys(given)) {
    if (!(name in fields)) problems.push(`"${name}" is no setting; there are: ${Object.keys(fields).join(', ')}`)
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = given[name] ?? field.default
    if (value === undefined || value === '') {
      if (field.optional !== true) problems.push(`"${name}" is missing: ${field.about}`)
      continue
    }
    const problem = problemOf(field, value)
    if (problem === undefined) settings[name] = value
    else problems.push(`"${name}" ${problem}`)
    redacted[name] = field.secret === true ? '***' : value
  }
  return { settings: settings as Settings<F>, problems, redacted }
}

function problemOf(field: Field, value: unknown): string | undefined {
  switch (field.type) {
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number'
      if (field.min !== undefined && value < field.min) return `must be at least ${field.min}`
      if (field.max !== undefined && value > field.max) return `must be at most ${field.max}`
      break
    case 'boolean':
      if (typeof value !== 'boolean') return 'must be true or false'
      break
    case 'choice':
      if (typeof value !== 'string' || !(field.choices ?? []).includes(value))
        return `must be one of ${(field.choices ?? []).join(', ')}`
      break
    case 'url':
    case 'string':
      if (typeof value !== 'string') return 'must be text'
      if (field.type === 'url') {
        const url = URL.canParse(value) ? new URL(value) : undefined
        if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
          return 'must be an http(s) URL'
        if (url.username !== '' || url.password !== '') return 'must not hold a user or password'
      }
  }
  return field.check?.(value as never)
}

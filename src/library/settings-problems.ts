import { unknownName } from '../configure/similar-name.ts'
import door from './core.cjs'
import type { Definition, FieldDefinition } from './definition.ts'
import { isObject, type Json } from './json.ts'
import { type Schema, validateFields } from './validate-fields.ts'

/** The settings of a destination of the library, checked. */
interface CheckedSettings {
  readonly settings: Json
  /** One sentence for each thing that is wrong, without a value in it. */
  readonly problems: readonly string[]
  readonly redacted: Json
}

/** Validated by nobody, as in the library itself. */
const exempt = 'dynamicAuthSettings'

/**
 * Checks settings against what a destination of the library declares, and fills in its defaults.
 *
 * @param definition of the library
 * @param given as a user wrote them; anything, where that is wrong
 */
export function checkLibrarySettings(definition: Definition, given: unknown): CheckedSettings {
  const fields = definition.authentication?.fields ?? {}
  const names = Object.keys(fields)
  if (given !== undefined && !isObject(given))
    return { settings: {}, problems: ['"settings" must be an object'], redacted: {} }
  const written = Object.entries(given ?? {}).map(([name, value]) => [name, trim(value)] as const)
  const settings: Json = {
    ...(door.core.defaultValues(fields as never) as Json),
    ...Object.fromEntries(written.filter(([, value]) => value !== undefined && value !== '')),
  }
  const strangers = Object.keys(settings).filter((name) => !names.includes(name) && name !== exempt)
  const problems = strangers.map((name) => `settings: ${unknownName(name, names)}`)
  const missing = names.filter((name) => fields[name]?.required === true && settings[name] === undefined)
  problems.push(...missing.map((name) => `"settings.${name}" is missing: ${aboutOf(fields[name] as FieldDefinition)}`))
  if (names.length > 0 && problems.length === 0) {
    const exempted = settings[exempt]
    problems.push(...validateFields(door.core.fieldsToJsonSchema(fields as never) as Schema, settings).map(inSettings))
    if (exempted !== undefined) settings[exempt] = exempted
  }
  return { settings, problems, redacted: redact(settings, fields) }
}

const inSettings = (problem: string): string => `settings: ${problem}`
const trim = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value)

/** The first sentence of a description, without its links. */
const aboutOf = ({ description = '', label = '' }: FieldDefinition): string =>
  (/^.*?(?:\.(?=\s|$)|$)/s.exec(description.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'))?.[0].trim() ?? '') || label

/** Which text is a secret the library does not always say: only what is one of a list of choices is shown. */
const redact = (settings: Json, fields: Readonly<Record<string, FieldDefinition>>): Json =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      const isShown =
        typeof value === 'boolean' || typeof value === 'number' || (fields[name]?.choices ?? []).length > 0
      return [name, isShown ? value : '***']
    }),
  )

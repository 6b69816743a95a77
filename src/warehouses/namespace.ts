import type { Warehouse } from '../core/warehouse.ts'
import { transformName } from './mapping/names.ts'
import { type ProviderName, PROVIDERS } from './mapping/providers.ts'

/** What a warehouse's settings say about where the tables of a source are. */
export interface NamespaceSettings {
  readonly provider: ProviderName
  /** The namespace of all sources that `each` does not name; undefined where each source has one of its own. */
  readonly all?: string | undefined
  /** Namespaces of single sources, by the name of the source. */
  readonly each?: Readonly<Record<string, string>> | undefined
  /** Names that the engine keeps for itself: a source that would get one has `_` in front. */
  readonly kept?: RegExp
}

const longestName = 127

/**
 * Names the namespace that a source has where no setting names one, as RudderStack does: the name of the source in snake case,
 * `_` in front of a digit or a reserved word, at most 127 characters (63 in PostgreSQL), upper case in Snowflake.
 * https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/ (checked 2026-11-22)
 *
 * @param source its name in the config
 * @param rules whose words are reserved; `kept` are the engine's own names
 * @returns the name; two sources may have the same, and then share its tables
 * @example namespaceName('web-2', { provider: 'postgres' }) // 'web_2'
 */
export function namespaceName(
  source: string,
  { provider, kept }: Pick<NamespaceSettings, 'provider' | 'kept'>,
): string {
  const { reservedWords, cutBefore, upperCase } = PROVIDERS[provider]
  const words = transformName(source, true).replace(/^_+/, '')
  const name = /^[0-9]/.test(words) ? `_${words}` : words || 'stringempty'
  const free = reservedWords.has(name) || kept?.test(name) === true ? `_${name}` : name
  const cut = free.slice(0, Math.min(longestName, cutBefore))
  return upperCase ? cut.toUpperCase() : cut
}

/**
 * Makes what a warehouse says about its namespaces; spread it into the warehouse.
 *
 * @param settings as they were given
 * @returns the members of the warehouse
 * @example { kind: 'warehouse', name: 'postgres', ...namespacesOf({ provider: 'postgres', all: settings.schema, each: settings.schemas }), … }
 */
export const namespacesOf = ({
  all,
  each = {},
  ...rules
}: NamespaceSettings): Pick<Warehouse, 'namespaceOf' | 'namedSources'> => ({
  namespaceOf: (source) => (Object.hasOwn(each, source) ? each[source] : all) ?? namespaceName(source, rules),
  namedSources: Object.keys(each),
})

/**
 * Checks the names in a setting such as `schemas`.
 *
 * @param problem says what is wrong with one name, or undefined
 * @returns the check of the setting
 */
export const eachNamespace =
  (problem: (name: string) => string | undefined) =>
  (each: Readonly<Record<string, string>>): string | undefined => {
    for (const [source, name] of Object.entries(each)) {
      const found = problem(name)
      if (found !== undefined) return `has "${name}" for the source "${source}", which ${found}`
    }
    return undefined
  }

/**
 * Declares the settings that say where tables are, for engines that call it a schema; spread them into the fields.
 *
 * @param check says what is wrong with the name of a schema, or undefined
 */
export const schemaFields = (check: (name: string) => string | undefined) =>
  ({
    schema: {
      type: 'string',
      about: 'Schema for the tables of all sources; left out, each source has one of its own, named as the source.',
      optional: true,
      check,
    },
    schemas: {
      type: 'texts',
      about: 'Schemas of single sources, by the name of the source.',
      optional: true,
      check: eachNamespace(check),
    },
  }) as const

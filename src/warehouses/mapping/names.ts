import { SluicewayError } from '../../core/errors.ts'
import type { KeptNames } from '../../core/warehouse.ts'
import { type Provider, type ProviderName, PROVIDERS } from './providers.ts'

/** What decides how a raw name becomes the name of a column or table. */
export interface NameRules {
  readonly provider: ProviderName
  /** Splits words between letters and digits: `v2` becomes `v_2`. */
  readonly divideNumbers: boolean
  /** Keeps names as they are, except for case and characters that are not allowed. */
  readonly blendo: boolean
  /** Leaves reserved words as they are. */
  readonly keepReserved: boolean
  /** Names of the engine and of ours, which are never left as they are. */
  readonly kept?: KeptNames | undefined
}

/** The names that one set of rules makes. Answers are remembered, because events repeat their keys. */
export interface NameWriter {
  /** The column of a raw key, for keys below the same prefix; `''` when nothing of prefix and key is left. */
  readonly columnsUnder: (prefix: string) => (key: string) => string
  /** A column or table that has its name from us (`id`, `tracks`), as the provider wants it. */
  readonly fixed: (name: string) => string
  /** What the column `event` holds for the name of a tracked event. */
  readonly eventValue: (event: string) => string
  /** The table of a value of the column `event`. */
  readonly eventTable: (eventValue: string) => string
}

const CACHE_NAMES = 4096
const CACHE_NAME_LENGTH = 256

const RUNS = /[A-Za-z0-9]+/g
const LEADING_UNDERSCORES = /^_+/
const LEADING_DIGIT = /^[0-9]/

// A word is the first of these that matches: the words of lodash's `words`, for ASCII.
const WORD = [
  '[A-Z]?[a-z]+(?=[^A-Za-z0-9]|[A-Z]|$)',
  '[A-Z]+(?=[^A-Za-z0-9]|[A-Z][a-z]|$)',
  '[A-Z]?[a-z]+',
  '[A-Z]+',
  String.raw`\d*(?:1ST|2ND|3RD|[04-9]TH)(?=[^A-Za-z0-9]|[a-z]|$)`,
  String.raw`\d*(?:1st|2nd|3rd|[04-9]th)(?=[^A-Za-z0-9]|[A-Z]|$)`,
  String.raw`\d+`,
]
const WORD_WITH_NUMBER = [
  String.raw`[A-Z]?[a-z]+\d+`,
  String.raw`[A-Z]+\d+`,
  String.raw`\d+[A-Z]?[a-z]+`,
  String.raw`\d+[A-Z]+`,
]
const DIVIDED_WORDS = new RegExp(WORD.join('|'), 'g')
const JOINED_WORDS = new RegExp([...WORD_WITH_NUMBER, ...WORD].join('|'), 'g')

const ALWAYS_ESCAPED_TABLES: ReadonlySet<string> = new Set(['users', 'identifies'])
const ESCAPED_TABLES: ReadonlySet<string> = new Set(['tracks', 'pages', 'screens', 'aliases', 'groups', 'accounts'])

/**
 * Turns any text into snake case of ASCII letters and digits.
 *
 * All else separates words. Underscores in front are kept, and a leading digit gets one.
 *
 * @param text A property key or an event name; without letters, digits and leading underscores it gives `''`.
 * @param divideNumbers `true` makes `v_2` of `v2`, `false` keeps it.
 * @returns The name, of any length.
 * @example transformName('CamelCase123Key', false) // 'camel_case123_key'
 */
export function transformName(text: string, divideNumbers: boolean): string {
  const runs = text.match(RUNS)
  const words = runs?.join('_').match(divideNumbers ? DIVIDED_WORDS : JOINED_WORDS) ?? []
  const name = (LEADING_UNDERSCORES.exec(text)?.[0] ?? '') + words.join('_').toLowerCase()
  return LEADING_DIGIT.test(name) ? `_${name}` : name
}

/**
 * Turns any text into a name the way that Blendo did.
 *
 * Each UTF-16 unit that is not an ASCII letter, a digit, `\` or `$` becomes one underscore.
 *
 * @param text A property key.
 * @returns The name in lower case; it starts with a letter or an underscore.
 * @example blendoName('Order-Total $') // 'order_total_$'
 */
export function blendoName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9\\$]/g, '_').toLowerCase()
  return /^[a-z_]/.test(name) ? name : `_${name}`
}

/**
 * Makes a name acceptable to a provider: its case, its length, its reserved words, the names that the engine keeps.
 *
 * @param name A name in snake case.
 * @param rules The provider, and whether reserved words are kept.
 * @param what What is named, for the error.
 * @returns The final name.
 * @throws {SluicewayError} mapping_failed when the name is empty.
 * @example safeName('groups', { provider: 'bq', … }, 'Table') // '_groups'
 */
export function safeName(name: string, rules: NameRules, what: 'Column' | 'Table'): string {
  if (name === '') {
    throw new SluicewayError('mapping_failed', `${what} name cannot be empty.`, {
      details: { provider: rules.provider },
    })
  }
  const provider: Provider = PROVIDERS[rules.provider]
  const cut = name.slice(0, provider.cutBefore)
  const cased = provider.upperCase ? cut.toUpperCase() : cut.toLowerCase()
  const escaped = !rules.keepReserved && provider.reservedWords.has(cased.toLowerCase()) ? `_${cased}` : cased
  const kept = what === 'Table' ? rules.kept?.tables : rules.kept?.columns
  const prefixed = kept?.test(escaped) === true ? `_${escaped}`.slice(0, provider.cutBefore) : escaped
  // Names that are kept for how they end.
  const free = kept?.test(prefixed) === true ? `${prefixed.slice(0, provider.cutBefore - 1)}_` : prefixed
  const named = free.slice(0, provider.cutAfter)
  return rules.kept?.shorten?.(named) ?? named
}

const known = new Map<string, NameWriter>()

/**
 * Finds the names that a set of rules makes.
 *
 * The same object is returned for the same rules, with a memory of at most 4,096 names of each kind.
 *
 * @param rules The provider and how names are written.
 * @returns The names.
 * @example namesFor({ provider: 'postgres', … }).columnsUnder('context_')('appName') // 'context_app_name'
 */
export function namesFor(rules: NameRules): NameWriter {
  const key = `${rules.provider} ${rules.divideNumbers} ${rules.blendo} ${rules.keepReserved} ${rules.kept?.rule}`
  let names = known.get(key)
  if (names === undefined) known.set(key, (names = createNames(rules)))
  return names
}

function createNames(rules: NameRules): NameWriter {
  const { cutBefore } = PROVIDERS[rules.provider]
  const convert = rules.blendo ? blendoName : (text: string) => transformName(text, rules.divideNumbers)
  const columnName = (text: string): string => convert(text).slice(0, cutBefore)
  const eventTable = (value: string): string => {
    const table = safeName(columnName(value), rules, 'Table')
    const lower = table.toLowerCase()
    const escaped = ALWAYS_ESCAPED_TABLES.has(lower) || (!rules.keepReserved && ESCAPED_TABLES.has(lower))
    return escaped ? `_${table}` : table
  }
  return {
    columnsUnder: rememberedUnder((key) => {
      const name = columnName(key)
      return name === '' ? '' : safeName(name, rules, 'Column')
    }),
    fixed: remembered((name) => safeName(name, rules, 'Column')),
    eventValue: remembered((event) => (rules.blendo ? event.trim().toLowerCase() : columnName(event))),
    eventTable: remembered(eventTable),
  }
}

type Convert = (text: string) => string

function remembered(make: Convert): Convert {
  const made = new Map<string, string>()
  return (text) => {
    const before = made.get(text)
    if (before !== undefined) return before
    const name = make(text)
    if (text.length > CACHE_NAME_LENGTH) return name
    if (made.size >= CACHE_NAMES) made.clear()
    made.set(text, name)
    return name
  }
}

// Looking up by prefix and then by key spares joining and hashing them for each value of each event.
function rememberedUnder(make: Convert): (prefix: string) => Convert {
  const prefixes = new Map<string, Convert>()
  let size = 0
  return (prefix) => {
    const before = prefixes.get(prefix)
    if (before !== undefined) return before
    const made = new Map<string, string>()
    const convert = (key: string): string => {
      const known = made.get(key)
      if (known !== undefined) return known
      const name = make(prefix + key)
      if (prefix.length + key.length > CACHE_NAME_LENGTH) return name
      if (size >= CACHE_NAMES) {
        prefixes.clear()
        made.clear()
        size = 0
      }
      size += 1
      made.set(key, name)
      return name
    }
    if (prefix.length <= CACHE_NAME_LENGTH) {
      if (prefixes.size >= CACHE_NAMES) prefixes.clear()
      prefixes.set(prefix, convert)
    }
    return convert
  }
}

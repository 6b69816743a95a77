import type { DestinationDefinition } from '@segment/actions-core'
import { unknownName } from '../configure/similar-name.ts'
import type { Destination } from '../core/destination.ts'
import door from './core.cjs'
import { definitionOf } from './definition.ts'
import { Delivery } from './delivery.ts'
import { isObject, type Json } from './json.ts'
import { refusalOf, variablesOf } from './refused.ts'
import { readRest, writeItem } from './rest.ts'
import { checkLibrarySettings } from './settings-problems.ts'
import { type Mappings, subscriptionsOf } from './subscriptions.ts'
import { TokenKeeper, type Tokens } from './tokens.ts'
import { deleteByLibrary } from './user-deletion.ts'

export type { Mapping, Mappings } from './subscriptions.ts'
export type { Tokens } from './tokens.ts'

/** What `segment` takes beside the destination of the library. */
export interface LibraryInput<Settings = Json> {
  /** The destination's own settings; a value of `env` may turn out to be missing. */
  readonly settings?: { readonly [Name in keyof Settings]?: Settings[Name] | undefined }
  /** What is sent when; the automatic presets of the destination where it is left out. */
  readonly mappings?: Mappings
  /** Of a destination with OAuth. They are renewed by themselves where the library can do that. */
  readonly tokens?: Tokens
  /** Variables that code of the library reads from `process.env`, by their names there. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** Takes the place of what the destination says in the header `user-agent`. */
  readonly userAgent?: string
  /** Allows requests to addresses that are not public, for tests on one machine. */
  readonly allowPrivate?: boolean
}

/** Requests of one lane that are under way at once (Workers allow 6). */
const connections = 6
/** Events that one call takes where actions send batches. */
const inCall = 100
/** What a call may take: several requests one after the other. */
const timeoutSeconds = 60
const known = ['settings', 'mappings', 'tokens', 'variables', 'userAgent', 'allowPrivate']

/**
 * Makes a destination of one of the library `@segment/action-destinations`, which about 160 vendors and their partners wrote.
 *
 * Its code runs as it is; mappings, triggers (FQL), checks, batches, tokens and errors are handled as Segment does. An event
 * that goes to several actions is retried only with those that have not taken it.
 *
 * https://github.com/segmentio/action-destinations (checked 2026-11-29; 3.497.0)
 *
 * @param definition the default import of `@segment/action-destinations/dist/destinations/<name>/index.js`
 * @param given see `LibraryInput`
 * @returns the destination, for `destinations` in the config
 * @example segment(customerio, { settings: { siteId: env.CIO_SITE, apiKey: env.CIO_KEY } })
 */
export function segment<Settings>(
  definition: DestinationDefinition<Settings> | { readonly default: DestinationDefinition<Settings> },
  given: LibraryInput<Settings> = {},
): Destination {
  // JavaScript may give anything.
  const input = (isObject(given) ? given : {}) as LibraryInput
  const found = definitionOf(definition)
  if (found === undefined) return unusable('library', [aboutDefinition])
  const name = (found.slug ?? found.name).replace(/^actions-/, '')
  const refusal = refusalOf(found)
  if (refusal !== undefined) return unusable(name, [`${found.name} cannot be used: ${refusal}`])
  const { tokens = {}, allowPrivate = false, userAgent } = input
  const checked = checkLibrarySettings(found, input.settings)
  const { subscriptions, problems: mappingProblems } = subscriptionsOf(found, input.mappings)
  const problems = [
    ...(isObject(given) ? [] : ['the second argument must be an object, e.g. { settings: { … } }']),
    ...Object.keys(input)
      .filter((one) => !known.includes(one))
      .map((one) => unknownName(one, known)),
    ...checked.problems,
    ...mappingProblems,
    ...setVariables(input.variables, variablesOf(found)),
    ...(userAgent === undefined || typeof userAgent === 'string' ? [] : ['"userAgent" must be text']),
    ...(typeof allowPrivate === 'boolean' ? [] : ['"allowPrivate" must be true or false']),
    ...tokenProblems(tokens, found.authentication),
    ...(found.name === 'Salesforce (Actions)' && checked.settings['auth_password'] !== undefined
      ? [aboutPassword]
      : []),
  ]
  const hasBatches = subscriptions.some(({ batch }) => batch)
  const keeper = new TokenKeeper(tokens, { definition: found, settings: checked.settings, allowPrivate })
  const tools = {
    definition: found,
    settings: checked.settings,
    subscriptions: new Map(subscriptions.map((one) => [one.key, one])),
    tokens: keeper,
    allowPrivate,
    userAgent,
    parallel: hasBatches ? connections / 2 : 1,
  }
  return {
    kind: 'destination',
    name,
    limits: hasBatches
      ? { events: inCall, bytes: 2_000_000, parallel: 2, timeoutSeconds }
      : { events: 1, bytes: 2_000_000, parallel: connections, timeoutSeconds },
    problems,
    redacted: { settings: checked.redacted, mappings: subscriptions.map(({ key }) => key) },
    encode: ({ id, text, event, header: { rest, earlier } }) => {
      if (rest !== undefined) return { id, text: writeItem(readRest(rest), text) }
      const { taken = [] } = earlier === undefined ? {} : readRest(earlier)
      const owed = subscriptions
        .filter(({ key, fql }) => !taken.includes(key) && door.fql.validate(fql as never, event as never))
        .map(({ key }) => key)
      if (owed.length === 0) return null
      return { id, text: writeItem({ owed, dead: [], ...(taken.length === 0 ? {} : { taken }) }, text) }
    },
    request: notByRequest,
    send: (items, context) => new Delivery(items, tools, context).run(),
    ...(found.onDelete === undefined ? {} : { deleteUser: (user, context) => deleteByLibrary(user, tools, context) }),
    ...(keeper.canRenew ? { renew: (kept, context) => keeper.make(kept, context) } : {}),
  }
}

const aboutDefinition =
  'the first argument must be a destination of the library: the default import of e.g. @segment/action-destinations/dist/destinations/klaviyo/index.js'

const aboutPassword =
  '"settings.auth_password" cannot be used: this login goes past what a destination may use; give "tokens" of a connected app'

const notByRequest = (): never => {
  throw new Error('a destination of the library is not reached by one request')
}

const unusable = (name: string, problems: readonly string[]): Destination => ({
  kind: 'destination',
  name,
  limits: { events: 1, bytes: 1, parallel: 1, timeoutSeconds },
  problems,
  redacted: {},
  encode: () => null,
  request: notByRequest,
})

function tokenProblems(tokens: unknown, authentication: { readonly scheme: string } | undefined): string[] {
  if (!isObject(tokens)) return ['"tokens" must be an object, e.g. { accessToken, refreshToken }']
  const names = ['accessToken', 'refreshToken', 'clientId', 'clientSecret', 'refreshTokenUrl']
  const strangers = Object.keys(tokens).filter((one) => !names.includes(one))
  const isOauth = authentication?.scheme === 'oauth2' || authentication?.scheme === 'oauth-managed'
  return [
    ...strangers.map((one) => `tokens: ${unknownName(one, names)}`),
    ...names
      .filter((one) => tokens[one] !== undefined && typeof tokens[one] !== 'string')
      .map((one) => `"tokens.${one}" must be text`),
    ...(isOauth && Object.values(tokens).every((value) => value === undefined || value === '')
      ? ['"tokens" is missing: the vendor takes OAuth tokens, { accessToken, refreshToken, clientId, clientSecret }']
      : []),
  ]
}

/** The library's code finds them where it looks. */
function setVariables(variables: unknown, needed: readonly string[]): string[] {
  if (variables !== undefined && !isObject(variables)) return ['"variables" must be an object of texts']
  for (const [name, value] of Object.entries(variables ?? {}))
    if (typeof value === 'string' && value !== '') process.env[name] = value
  return needed
    .filter((name) => (process.env[name] ?? '') === '')
    .map((name) => `"variables.${name}" is missing: the library sends it with every request, and has no setting for it`)
}

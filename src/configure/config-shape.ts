import type {
  ArchiveConfig,
  Config,
  DemoConfig,
  EventChoice,
  FieldChoice,
  RequestRate,
  StorageQuota,
  Route,
  SourceConfig,
  TraceConfig,
  WarehouseRoute,
} from '../core/config.ts'
import type { ConsentRule } from '../core/consent.ts'
import type { BotRules, EnrichmentConfig } from '../core/enrichment.ts'
import type { IdentityCookie } from '../core/identity-cookie.ts'
import { isRecord } from '../core/json.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import type { RateLimit } from '../core/rate-limit.ts'
import { madeBy, standInOf } from './made-shape.ts'
import type { Problems } from './problems.ts'
import { similarName, unknownName } from './similar-name.ts'
import {
  boolean,
  butIs,
  either,
  type Finding,
  listOf,
  members,
  method,
  must,
  numberIn,
  oneOf,
  type Shape,
  text,
} from './shapes.ts'
import { transformsShape } from './transform-shape.ts'

/** A shape for each setting; the compiler holds the names against the type. */
type Shapes<T> = { readonly [K in keyof Required<T>]: Shape }

const texts = listOf(text)

const privacyShapes: Shapes<PrivacyRules> = { hash: texts, salt: text, mask: texts, drop: texts, allow: texts }
const privacy = members(privacyShapes)

const consentShapes: Shapes<ConsentRule> = {
  categories: texts,
  provider: text,
  strategy: oneOf(['and', 'or']),
  required: boolean,
}
const consentRule = members(consentShapes, { needed: { categories: () => ['stand-in'] } })
const consentRules = listOf(consentRule)
const consent: Shape = (value, report) => (Array.isArray(value) ? consentRules : consentRule)(value, report)

const actions = ['keep', 'flag', 'drop']
const botShapes: Shapes<BotRules> = {
  action: oneOf(actions),
  score: numberIn({ least: 0, most: 100 }),
  dataCenters: boolean,
}
const enrichShapes: Shapes<EnrichmentConfig> = {
  geo: boolean,
  userAgent: boolean,
  campaign: boolean,
  rudderId: boolean,
  bots: either(
    must(`one of ${actions.join(', ')}, or an object`, (value) => actions.includes(value as string), 'string'),
    members(botShapes),
  ),
  ip: oneOf(['keep', 'truncate', 'drop']),
}
const cookieShapes: Shapes<IdentityCookie> = {
  name: text,
  domain: text,
  maxAgeDays: numberIn({ least: 0, most: 400, above: true, of: 'days' }),
  consent,
}
const rateShapes: Shapes<RateLimit> = {
  eventsPerSecond: numberIn({ least: 0, most: 1e9, above: true }),
  burst: numberIn({ least: 1, most: 1e9 }),
}

const sourceShapes: Shapes<SourceConfig> = {
  writeKey: text,
  enabled: boolean,
  transforms: transformsShape,
  to: texts,
  webhook: madeBy('webhook'),
  kafka: madeBy('kafka-source'),
  enrich: members(enrichShapes),
  privacy,
  identityCookie: members(cookieShapes),
  rate: members(rateShapes),
}

const eventTypes = ['track', 'identify', 'page', 'screen', 'group', 'alias', 'merge']
const isScalar = (value: unknown) =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
const fieldValues = must(
  'text, a number, true or false, or a list of these',
  (value) => isScalar(value) || (Array.isArray(value) && value.length > 0 && value.every(isScalar)),
)
const choiceShapes: Shapes<EventChoice> = {
  types: listOf(oneOf(eventTypes)),
  events: texts,
  where: (value, report) =>
    isRecord(value)
      ? members(Object.fromEntries(Object.keys(value).map((path) => [path, fieldValues])))(value, report)
      : must('an object of paths and values', () => false)(value, report),
}
const choice = members(choiceShapes)
const fieldShapes: Shapes<FieldChoice> = { allow: texts, deny: texts }

const requestRateShapes: Shapes<RequestRate> = {
  requestsPerSecond: numberIn({ least: 0, most: 1e6, above: true }),
  parallel: numberIn({ least: 1, most: 1e4, whole: true }),
}

const quotaShapes: Shapes<StorageQuota> = { megabytes: numberIn({ least: 1, most: 1e6, of: 'megabytes' }) }

const destinationShapes: Shapes<Route> = {
  use: madeBy('destination'),
  only: choice,
  except: choice,
  fields: members(fieldShapes),
  transforms: transformsShape,
  filter: method,
  displayName: text,
  ordered: boolean,
  retryDays: numberIn({ least: 0, most: 36_500, above: true, of: 'days' }),
  rate: members(requestRateShapes),
  quota: members(quotaShapes),
  consent,
  privacy,
}

const mappingShapes: Shapes<NonNullable<WarehouseRoute['mapping']>> = {
  storeFullEvent: boolean,
  jsonPaths: texts,
  skipTracksTable: boolean,
  skipUsersTable: boolean,
  underscoreDivideNumbers: boolean,
  allowUsersContextTraits: boolean,
  resolveIdentities: boolean,
  maxColumns: numberIn({ least: 50, most: 1_500, whole: true }),
}
const timeOfDay = must(
  'a time of day in UTC, as "02:30"',
  (value) => typeof value === 'string' && /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value),
  'string',
)
const windowShape = members(
  { start: timeOfDay, end: timeOfDay },
  { needed: { start: () => undefined, end: () => undefined } },
)
const windowOfDay: Shape = (value, report) => {
  const window = windowShape(value, report) as WarehouseRoute['excludeWindow'] | undefined
  if (window?.start === undefined || window.end === undefined) return undefined
  if (window.start !== window.end) return window
  report({ path: '', problem: 'must end at another time than it starts: else nothing would be loaded', about: 'value' })
  return undefined
}
const warehouseShapes: Shapes<WarehouseRoute> = {
  use: madeBy('warehouse'),
  transforms: transformsShape,
  displayName: text,
  everyMinutes: numberIn({ least: 1, most: 10_080, whole: true, of: 'minutes' }),
  syncStartAt: timeOfDay,
  excludeWindow: windowOfDay,
  quota: members(quotaShapes),
  stageSeconds: numberIn({ least: 0, most: 86_400, of: 'seconds' }),
  sql: boolean,
  consent,
  privacy,
  mapping: members(mappingShapes),
}

const archiveShapes: Shapes<ArchiveConfig> = {
  days: numberIn({ least: 1, most: 36_500, of: 'days' }),
  everyMinutes: numberIn({ least: 1, most: 60, of: 'minutes' }),
}
const traceShapes: Shapes<TraceConfig> = { transforms: numberIn({ least: 0, most: 1 }) }
const demoShapes: Shapes<DemoConfig> = { sinkSecret: text, tokenOnly: boolean }
const namedTexts: Shape = (value, report) =>
  (isRecord(value) ? members(Object.fromEntries(Object.keys(value).map((name) => [name, text]))) : members({}))(
    value,
    report,
  )
const adminShapes: Shapes<NonNullable<Config['admin']>> = { token: text, tokens: namedTexts }
/** Beyond these, timers end at once or a request has no memory. Times may be as far away as anybody likes. */
const limitShapes: Shapes<NonNullable<Config['limits']>> = {
  bodyBytes: numberIn({ least: 1, most: 100_000_000, whole: true, of: 'bytes' }),
  eventBytes: numberIn({ least: 1, most: 524_288, whole: true, of: 'bytes' }),
  batchEvents: numberIn({ least: 1, most: 100_000, whole: true, of: 'events' }),
  deadLetterDays: numberIn({ least: 0, most: 36_500, above: true, of: 'days' }),
  pastDays: numberIn({ least: 0, most: 1e9, above: true, of: 'days' }),
  futureMinutes: numberIn({ least: 0, most: 1e12, above: true, of: 'minutes' }),
  appendMs: numberIn({ least: 0, most: 60_000, above: true, of: 'milliseconds' }),
  userCodeMs: numberIn({ least: 0, most: 300_000, above: true, of: 'milliseconds' }),
  suspended: oneOf(['wait', 'dead']),
}
const pathShapes: Shapes<NonNullable<Config['paths']>> = { ingest: text, sdk: text, beacon: text }

/** Says where the braces go, where somebody gave what belongs into them. */
const around =
  (kind: 'destination' | 'warehouse', inner: Shape): Shape =>
  (value, report) => {
    if (!isRecord(value) || value['kind'] === undefined || value['use'] !== undefined) return inner(value, report)
    report({ path: '', problem: `must be an object around the ${kind}: { use: … }`, about: 'value' })
    return undefined
  }

let keys = 0
const needUse = (kind: 'destination' | 'warehouse') => ({ needed: { use: () => standInOf(kind) } })
const single: Readonly<Record<string, Shape>> = {
  stream: madeBy('stream'),
  earlierStreams: listOf(madeBy('stream')),
  archive: either(
    must('true or false or an object', (value) => typeof value === 'boolean'),
    members(archiveShapes),
  ),
  trace: members(traceShapes),
  admin: members(adminShapes),
  demo: either(
    must('true or false or an object', (value) => typeof value === 'boolean'),
    members(demoShapes),
  ),
  limits: members(limitShapes),
  paths: members(pathShapes),
}
const several: Readonly<Record<string, { readonly shape: Shape; readonly standIn: () => unknown }>> = {
  sources: {
    // A key that is wrong is neither missing nor that of another source.
    shape: members(sourceShapes, { standIns: { writeKey: () => `stand-in-${keys++}` } }),
    standIn: () => ({ writeKey: `stand-in-${keys++}` }),
  },
  destinations: {
    shape: around('destination', members(destinationShapes, needUse('destination'))),
    standIn: () => ({ use: standInOf('destination') }),
  },
  warehouses: {
    shape: around('warehouse', members(warehouseShapes, needUse('warehouse'))),
    standIn: () => ({ use: standInOf('warehouse') }),
  },
}
/** What a config may have; the compiler holds the names against the type. */
const settings: Readonly<Record<keyof Config, true>> = {
  stream: true,
  earlierStreams: true,
  sources: true,
  destinations: true,
  warehouses: true,
  archive: true,
  trace: true,
  admin: true,
  demo: true,
  limits: true,
  paths: true,
}

/** What is wrong with the shape of a config, and what is right about it. */
export interface CheckedShape {
  readonly problems: Problems
  /** The config without all that is wrong: what is right can be checked further, so that all mistakes are told at once. */
  readonly sound: Config
}

/**
 * Finds names in a config that mean nothing, and values of a wrong type or out of range: a deployment is bundled without
 * looking at types, values come from `env`, and a misspelled privacy rule must not be ignored.
 *
 * @param config what the user's function returned
 * @returns one sentence for each mistake, never with a value in it, and the rest; undefined where there is no object at all
 */
export function checkConfigShape(
  config: unknown,
): CheckedShape | { readonly problems: Problems; readonly sound: undefined } {
  if (!isRecord(config) || typeof config['then'] === 'function')
    return { problems: [`config: ${wholeProblem(config)}`], sound: undefined }
  const problems: Problems = []
  for (const name of Object.keys(config))
    if (!Object.hasOwn(settings, name)) problems.push(`config: ${unknownName(name, Object.keys(settings))}`)
  const sound: Record<string, unknown> = {}
  for (const [name, shape] of Object.entries(single))
    if (config[name] !== undefined || name === 'stream')
      sound[name] = shape(config[name], (finding) => problems.push(problemAt(name, finding)))
  sound['stream'] ??= standInOf('stream')
  for (const [name, { shape, standIn }] of Object.entries(several)) {
    const named = config[name]
    if (named === undefined && name !== 'sources') continue
    if (!isRecord(named))
      problems.push(
        named === undefined ? `${name}: is missing: it must be an object` : `${name}: must be an object${butIs(named)}`,
      )
    else
      sound[name] = Object.fromEntries(
        Object.entries(named).map(([own, one]) => [
          own,
          shape(one, (finding) => problems.push(problemIn(`${name}.${own}`, finding))) ?? standIn(),
        ]),
      )
  }
  sound['sources'] ??= {}
  // Where targets may be under a wrong name, it is not known which there are.
  const named = ['destinations', 'warehouses']
  const isSure =
    Object.keys(config).every((name) => Object.hasOwn(settings, name) || similarName(name, named) === undefined) &&
    named.every((name) => config[name] === undefined || isRecord(config[name]))
  if (!isSure)
    for (const source of Object.values(sound['sources'] as Record<string, object>))
      Object.assign(source, { to: undefined })
  return { problems, sound: sound as unknown as Config }
}

/** Of what there is one of, the place is dotted. */
const problemAt = (place: string, { path, problem }: Finding): string =>
  `${place}${path === '' || path.startsWith('[') ? path : `.${path}`}: ${problem}`

/** What has a name of the user's is the place; the setting in it is quoted. */
function problemIn(place: string, { path, problem, about }: Finding): string {
  if (about === 'name') return `${path === '' ? place : `${place}.${path}`}: ${problem}`
  return `${place}: ${path === '' ? '' : `"${path}" `}${problem}`
}

function wholeProblem(config: unknown): string {
  const example = 'export default defineConfig((env) => ({ … }))'
  if (isRecord(config)) return `must be an object, not a promise: give defineConfig a function that is not async`
  if (config === undefined)
    return `the function that defineConfig was given returns nothing: ${example} needs the parentheses around the braces, or a "return"`
  return `must be an object${butIs(config)}: ${example}`
}

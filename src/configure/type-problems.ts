import type { Problems } from './problems.ts'
import { isRecord } from '../core/json.ts'

/** Takes a problem of what lies at a path below a place; the path is empty for the place itself. */
type Report = (path: string, problem: string) => void
type Check = (value: unknown, report: Report) => void

const must =
  (problem: string, isRight: (value: unknown) => boolean): Check =>
  (value, report) => {
    if (!isRight(value)) report('', `must be ${problem}`)
  }

const text = must('text', (value) => typeof value === 'string')
const number = must('a number', (value) => typeof value === 'number' && Number.isFinite(value))
const boolean = must('true or false', (value) => typeof value === 'boolean')
const method = must('a function', (value) => typeof value === 'function')

/** What a driver's function gives: a destination, a warehouse, a webhook source. */
const made = (kind: string, what: string): Check =>
  must(what, (value) => isRecord(value) && value['kind'] === kind && Array.isArray(value['problems']))

const listOf =
  (check: Check): Check =>
  (value, report) => {
    if (!Array.isArray(value)) report('', 'must be a list')
    else
      for (const [i, one] of value.entries())
        check(one, (path, problem) => report(`[${i}]${path === '' ? '' : `.${path}`}`, problem))
  }

/** An object whose members may be left out, but for those that are `needed`. */
const members =
  (checks: Readonly<Record<string, Check>>, needed: readonly string[] = []): Check =>
  (value, report) => {
    if (!isRecord(value)) report('', 'must be an object')
    else
      for (const [name, check] of Object.entries(checks))
        if (value[name] !== undefined || needed.includes(name))
          check(value[name], (path, problem) =>
            report(path === '' || path.startsWith('[') ? `${name}${path}` : `${name}.${path}`, problem),
          )
  }

const either =
  (problem: string, isFirst: (value: unknown) => boolean, second: Check): Check =>
  (value, report) => {
    if (isFirst(value)) return
    if (typeof value === 'object' && value !== null) second(value, report)
    else report('', `must be ${problem}`)
  }

const transforms = listOf(members({ name: text, transformEvent: method, transformBatch: method }))
const texts = listOf(text)
const privacy = members({ hash: texts, salt: text, mask: texts, drop: texts, allow: texts })
const consentRule = members({ categories: texts, provider: text, strategy: text, required: boolean }, ['categories'])
const consent: Check = (value, report) => (Array.isArray(value) ? listOf(consentRule) : consentRule)(value, report)

const source = members({
  writeKey: text,
  enabled: boolean,
  transforms,
  to: texts,
  webhook: made('webhook', 'a webhook source, such as stripe({ … })'),
  enrich: members({
    geo: boolean,
    userAgent: boolean,
    campaign: boolean,
    rudderId: boolean,
    bots: either(
      'text or an object',
      (value) => typeof value === 'string',
      members({ action: text, score: number, dataCenters: boolean }),
    ),
    ip: text,
  }),
  privacy,
  identityCookie: members({ name: text, domain: text, maxAgeDays: number, consent }),
  rate: members({ eventsPerSecond: number, burst: number }),
})

const destination = members(
  {
    use: made('destination', 'a destination, such as webhook({ … })'),
    transforms,
    filter: method,
    displayName: text,
    ordered: boolean,
    retryDays: number,
    consent,
    privacy,
  },
  ['use'],
)

const warehouse = members(
  {
    use: made('warehouse', 'a warehouse, such as d1()'),
    displayName: text,
    everyMinutes: number,
    stageSeconds: number,
    consent,
    privacy,
    mapping: members({
      storeFullEvent: boolean,
      jsonPaths: texts,
      skipTracksTable: boolean,
      skipUsersTable: boolean,
      underscoreDivideNumbers: boolean,
      allowUsersContextTraits: boolean,
    }),
  },
  ['use'],
)

const limits = [
  'bodyBytes',
  'eventBytes',
  'batchEvents',
  'deadLetterDays',
  'pastDays',
  'futureMinutes',
  'appendMs',
] as const

/** What there is one of, and what of which there are several, by name. */
const single: Readonly<Record<string, Check>> = {
  stream: must(
    'a stream, such as log()',
    (value) => isRecord(value) && typeof value['append'] === 'function' && Array.isArray(value['problems']),
  ),
  admin: members({ token: text }),
  demo: either(
    'true or false or an object',
    (value) => typeof value === 'boolean',
    members({ sinkSecret: text, tokenOnly: boolean }),
  ),
  limits: members(Object.fromEntries(limits.map((name) => [name, number]))),
  paths: members({ ingest: text, sdk: text, beacon: text }),
}
const several: Readonly<Record<string, Check>> = { sources: source, destinations: destination, warehouses: warehouse }

/**
 * Finds values of a wrong type in a config: types are erased when a deployment is bundled, and values come from `env`. What a
 * setting may be beyond its type is for those who use it; they count on types once there is no problem here.
 *
 * @param config what the user's function returned
 * @returns one sentence for each, never with a value in it
 */
export function typeProblems(config: unknown): Problems {
  const problems: Problems = []
  if (isRecord(config) && typeof config['then'] === 'function')
    return ['config: must be an object, not a promise: give defineConfig a function that is not async']
  if (!isRecord(config)) return ['config: must be an object']
  for (const [name, check] of Object.entries(single))
    if (config[name] !== undefined || name === 'stream')
      check(config[name], (path, problem) => problems.push(`${path === '' ? name : `${name}.${path}`}: ${problem}`))
  for (const [name, check] of Object.entries(several)) {
    const named = config[name]
    if (named === undefined && name !== 'sources') continue
    if (!isRecord(named)) problems.push(`${name}: must be an object`)
    else
      for (const [own, one] of Object.entries(named))
        check(one, (path, problem) => problems.push(`${name}.${own}: ${path === '' ? '' : `"${path}" `}${problem}`))
  }
  return problems
}

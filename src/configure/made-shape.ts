import { isRecord } from '../core/json.ts'
import { butIs, type Shape } from './shapes.ts'

/** What drivers make, each by a call in the config. */
type Made = 'destination' | 'warehouse' | 'webhook' | 'kafka-source' | 'stream'

interface Kind {
  readonly is: string
  readonly example: string
  readonly belongs: string
  /** Members that are functions. */
  readonly functions: readonly string[]
  /** Members that are objects. */
  readonly objects: readonly string[]
}

const kinds: Readonly<Record<Made, Kind>> = {
  destination: {
    is: 'a destination',
    example: 'webhook({ … })',
    belongs: 'under "destinations", as "use"',
    functions: ['encode', 'request'],
    objects: ['limits'],
  },
  warehouse: {
    is: 'a warehouse',
    example: 'd1()',
    belongs: 'under "warehouses", as "use"',
    functions: ['open'],
    objects: [],
  },
  webhook: {
    is: 'a webhook source',
    example: 'stripe({ … })',
    belongs: 'under "sources", as "webhook"',
    functions: ['map'],
    objects: [],
  },
  'kafka-source': {
    is: 'a Kafka source',
    example: 'kafka({ front, topics, map })',
    belongs: 'under "sources", as "kafka"',
    functions: ['decode', 'map'],
    objects: ['front'],
  },
  stream: {
    is: 'a stream',
    example: 'log()',
    belongs: 'as "stream"',
    functions: ['append'],
    objects: ['limits', 'triggers'],
  },
}

/**
 * Makes a shape for what a driver's function gives.
 *
 * @param made which kind of driver
 */
export const madeBy =
  (made: Made): Shape =>
  (value, report) => {
    const problem = madeProblem(made, value)
    if (problem === undefined) return value
    report({ path: '', problem, about: 'value' })
    return undefined
  }

function madeProblem(made: Made, value: unknown): string | undefined {
  const { is, example, functions, objects } = kinds[made]
  const must = `must be ${is}, such as ${example}`
  if (typeof value === 'function') return `${must}, not the function that makes it: call it`
  const other = kindOf(value)
  if (other !== undefined && other !== made)
    return `${must}, not ${kinds[other].is}, which belongs ${kinds[other].belongs}`
  if (!isRecord(value) || other === undefined) return `${must}${butIs(value)}`
  const { problems } = value
  const isWhole =
    Array.isArray(problems) &&
    problems.every((one) => typeof one === 'string') &&
    typeof value['name'] === 'string' &&
    functions.every((name) => typeof value[name] === 'function') &&
    objects.every((name) => isRecord(value[name]))
  return isWhole ? undefined : `${must}; this one lacks what a driver gives it`
}

function kindOf(value: unknown): Made | undefined {
  if (!isRecord(value)) return undefined
  const { kind } = value
  if (kind === 'destination' || kind === 'warehouse' || kind === 'webhook' || kind === 'kafka-source') return kind
  return 'append' in value && 'partitions' in value ? 'stream' : undefined
}

/** Gives what stands in for a driver that is missing or wrong, so that what is beside it can be checked. It has no problems. */
export const standInOf = (made: Made): object => ({
  name: 'stand-in',
  problems: [],
  limits: {},
  triggers: {},
  partitions: 1,
  eventBytesLimit: Infinity,
  ...(made === 'stream' ? {} : { kind: made }),
})

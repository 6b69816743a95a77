import { checkSettings, type Fields, type Input, type Settings } from '../configure/settings.ts'
import { specProblems } from '../configure/spec-problems.ts'
import type { Transform } from '../core/transform.ts'
import { boundTable, type KvTable } from './kv-table.ts'

/** What a transform with settings may use of the world, so that a test can give it another one. */
export interface TransformTools {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Gives the KV namespace that wrangler.toml binds to a name; rejects where there is none. */
  readonly table: (name: string) => Promise<KvTable>
}

/** A transform with settings: what makes the function once they are known. */
export interface TransformSpec<F extends Fields = Fields> {
  /** What counters and dead letters call it. */
  readonly name: string
  /** Declared once: type, check, docs. */
  readonly settings: F
  /** Says what is wrong with settings that are right one by one. */
  readonly problems?: (settings: Settings<F>) => readonly string[]
  /** Called once, with settings that are right. */
  readonly make: (
    settings: Settings<F>,
    tools: TransformTools,
  ) => Pick<Transform, 'transformEvent'> | Pick<Transform, 'transformBatch'>
}

const realTools: TransformTools = { now: Date.now, table: boundTable }

/**
 * Makes a transform that is called with settings in the config, as the ready-made ones are.
 *
 * @param spec name, settings, and what makes the function
 * @returns a function from settings to a transform; what is wrong with the settings is in its `problems`, nothing throws. Its
 *   second argument replaces what the transform uses of the world, for tests
 * @example sources: { web: { transforms: [sampleByUser({ percent: 10 })] } }
 */
export const defineTransform =
  <const F extends Fields>(spec: TransformSpec<F>) =>
  (input: Input<F>, tools: Partial<TransformTools> = {}): Transform => {
    const broken = specProblems(spec, { needed: ['make'], optional: ['problems'] })
    if (broken.length > 0) return brokenTransform('unknown', broken)
    const { settings, problems: wrong } = checkSettings(spec.settings, input)
    const problems = wrong.length > 0 ? wrong : (spec.problems?.(settings) ?? [])
    if (problems.length > 0) return brokenTransform(spec.name, problems)
    return { name: spec.name, problems, ...spec.make(settings, { ...realTools, ...tools }) }
  }

/** Stands in for a transform that cannot be made; with problems, it is never called. */
const brokenTransform = (name: string, problems: readonly string[]): Transform => ({
  name,
  problems,
  transformEvent: (event) => event,
})

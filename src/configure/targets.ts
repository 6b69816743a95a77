import type { Config, Route, SourceConfig, WarehouseRoute } from '../core/config.ts'
import { sourceTypeOf } from '../core/metadata.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Problems } from './problems.ts'
import { choiceProblems, ruleProblems } from './rule-problems.ts'
import { similarName } from './similar-name.ts'

const namePattern = /^[a-z][a-z0-9_-]{0,47}$/

/** Says what is wrong with the name of a source, destination or warehouse; these are in keys of what is stored. */
export const targetNameProblems = (name: string): string[] =>
  namePattern.test(name) ? [] : ['a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"']

/** Resolves destinations and warehouses, which share one space of names. */
export function resolveTargets(config: Config, problems: Problems): Map<string, Target> {
  const targets = new Map<string, Target>()
  const sourceTypes = new Map(
    (Object.entries(config.sources) as [string, SourceConfig][]).map(([name, source]) => [name, sourceTypeOf(source)]),
  )
  const add = (target: Target, found: readonly string[]) => {
    const isTaken = targets.has(target.name)
    const all = [
      ...targetNameProblems(target.name),
      ...(isTaken ? ['the name is taken by a destination; give the warehouse another'] : []),
      ...found,
    ]
    for (const problem of all) problems.push(`${target.kind}s.${target.name}: ${problem}`)
    targets.set(target.name, target)
  }
  for (const [name, route] of Object.entries(config.destinations ?? {}) as [string, Route][])
    add({ kind: 'destination', name, displayName: route.displayName ?? route.use.name, route, sourceTypes }, [
      ...route.use.problems,
      ...ruleProblems(route),
      ...choiceProblems(route),
    ])
  for (const [name, route] of Object.entries(config.warehouses ?? {}) as [string, WarehouseRoute][])
    add({ kind: 'warehouse', name, displayName: route.displayName ?? route.use.name, route, sourceTypes }, [
      ...route.use.problems,
      ...ruleProblems(route),
      ...sourceProblems(route.use, [...sourceTypes.keys()]),
      ...(route.sql === true && route.use.takesQueries !== true
        ? [`sql: ${route.use.name} takes no queries here`]
        : []),
    ])
  return targets
}

/** A source that is misspelled would get its tables elsewhere. */
const sourceProblems = ({ namedSources = [] }: WarehouseRoute['use'], sources: readonly string[]): string[] =>
  namedSources
    .filter((name) => !sources.includes(name))
    .map((name) => {
      const meant = similarName(name, sources)
      const hint = meant === undefined ? `there are: ${sources.join(', ')}` : `did you mean "${meant}"?`
      return `the settings name the source "${name}", which is not in the config; ${hint}`
    })

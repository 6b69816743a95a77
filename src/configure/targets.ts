import type { Config, Route, WarehouseRoute } from '../core/config.ts'
import type { Target } from '../core/resolved-config.ts'
import type { Transform } from '../core/transform.ts'
import type { Problems } from './problems.ts'
import { ruleProblems } from './rule-problems.ts'

const namePattern = /^[a-z][a-z0-9_-]{0,47}$/

/** Says what is wrong with the name of a source, destination or warehouse; these are in keys of what is stored. */
export const targetNameProblems = (name: string): string[] =>
  namePattern.test(name) ? [] : ['a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"']

/** Resolves destinations and warehouses, which share one space of names. */
export function resolveTargets(config: Config, problems: Problems): Map<string, Target> {
  const targets = new Map<string, Target>()
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
    add(
      { kind: 'destination', name, displayName: route.displayName ?? route.use.name, route },
      destinationProblems(route),
    )
  for (const [name, route] of Object.entries(config.warehouses ?? {}) as [string, WarehouseRoute][])
    add({ kind: 'warehouse', name, displayName: route.displayName ?? route.use.name, route }, warehouseProblems(route))
  return targets
}

const destinationProblems = (route: Route): string[] => [
  ...route.use.problems,
  ...transformProblems(route.transforms),
  ...ruleProblems(route),
  ...(route.retryDays !== undefined && !(route.retryDays > 0) ? ['"retryDays" must be more than 0'] : []),
]

const warehouseProblems = (route: WarehouseRoute): string[] => [
  ...route.use.problems,
  ...ruleProblems(route),
  ...(route.everyMinutes !== undefined && !(Number.isInteger(route.everyMinutes) && route.everyMinutes >= 1)
    ? ['"everyMinutes" must be a whole number of minutes, at least 1']
    : []),
  ...(route.mapping?.maxColumns !== undefined && !isWithin(route.mapping.maxColumns, 50, 1_500)
    ? ['"mapping.maxColumns" must be a whole number from 50 to 1500']
    : []),
  ...(route.stageSeconds !== undefined && !(route.stageSeconds >= 0) ? ['"stageSeconds" must be 0 or more'] : []),
]

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most

/** Says which of the transforms export not exactly one function. */
export function transformProblems(transforms: readonly Transform[] = []): string[] {
  return transforms.flatMap((transform, i) => {
    const found = ['transformEvent', 'transformBatch'].filter((name) => name in transform)
    return found.length === 1
      ? []
      : [
          `transforms[${i}]: a transform exports exactly one of transformEvent and transformBatch, found ${found.join(' and ') || 'neither'}`,
        ]
  })
}
